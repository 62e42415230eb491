"""A proxy between a client and the real MinIO that spoils the answers to chosen PUTs."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from pipeline.object_store import ObjectStore

Fault = Literal["500", "503", "507", "409", "reset", "stall", "lost", "silence"]

P = TypeVar("P", bound="FaultyProxy")

STALL_S = 3.0
_BODIES = {
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "507": (507, "XMinioStorageFull"),
    "409": (409, "ConditionalRequestConflict"),
    "412": (412, "PreconditionFailed"),
}


class FaultyProxy(ThreadingHTTPServer):
    """Forwards everything to ``upstream``; the next PUTs under ``spoiled`` keys meet ``faults``, one each.

    ``lost`` and ``stall`` let the PUT happen and keep its answer; the others do not let it happen, and ``silence``
    keeps the connection open for as long as the proxy runs.
    """

    daemon_threads = True

    def __init__(self, upstream: str, faults: Sequence[Fault], spoiled: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream)
        self.spoiled = spoiled
        self.met: list[Fault] = []
        self._faults = list(faults)
        self.ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Endpoint for the client."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_fault(self, method: str, path: str) -> Fault | None:
        """Return what this request meets."""
        with self._lock:
            if method != "PUT" or self.spoiled not in path or not self._faults:
                return None
            fault = self._faults.pop(0)
            self.met.append(fault)
            return fault

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that break are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.next_fault(self.command, self.path)
        if fault in _BODIES:
            self._refuse(fault)
            return
        if fault == "silence":
            self.server.ended.wait()
            self.close_connection = True
            return
        if fault == "reset":
            self.close_connection = True
            self.connection.close()
            return
        upstream = http.client.HTTPConnection(
            self.server.upstream.hostname or "", self.server.upstream.port, timeout=30
        )
        try:
            # The signature covers the Host header, so it stays the proxy's.
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            if fault in {"lost", "stall"}:
                if fault == "stall":
                    threading.Event().wait(STALL_S)
                self.close_connection = True
                self.connection.close()
                return
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection"}:
                    self.send_header(name, value)
            if answer.getheader("Content-Length") is None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        finally:
            upstream.close()

    def _refuse(self, fault: str) -> None:
        status, code = _BODIES[fault]
        content = f"<Error><Code>{code}</Code><Message>made for a test</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _forward  # noqa: N815 - names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of the base class
        """Say nothing."""


@contextmanager
def faulty_proxy(upstream: str, faults: Sequence[Fault], spoiled: str) -> Iterator[FaultyProxy]:
    """Run a proxy inside the block."""
    with _running(FaultyProxy(upstream, faults, spoiled)) as proxy:
        yield proxy


@contextmanager
def _running(proxy: P) -> Iterator[P]:
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.ended.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()


class RacingProxy(FaultyProxy):
    """In front of ``store``; looks whether the condition of a PUT holds, and puts then, as several stores do.

    PUTs that follow each other are told apart; those that come at once all win. ``broken`` is the header that is
    treated so, `If-None-Match` or `If-Match`.
    """

    def __init__(self, store: ObjectStore, broken: str) -> None:
        super().__init__(store.endpoint_url, (), "")
        self.RequestHandlerClass = _RacingHandler
        self.store = store
        self.broken = broken


class _RacingHandler(_Handler):
    server: RacingProxy

    def _put(self) -> None:
        wanted = self.headers.get(self.server.broken)
        if wanted is None:
            self._forward()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = self.path.removeprefix(f"/{self.server.store.bucket}/").partition("?")[0]
        found = self.server.store.head(key)
        if found is None if wanted == "*" else found is not None and found.etag == wanted.strip('"'):
            etag = self.server.store.put(key, body)
            self.send_response_only(200)
            self.send_header("ETag", f'"{etag}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._refuse("412")

    do_PUT = _put  # noqa: N815 - name of the base class


@contextmanager
def racing_proxy(store: ObjectStore, broken: str) -> Iterator[RacingProxy]:
    """Run a proxy that tells writers apart only when they come one after the other."""
    with _running(RacingProxy(store, broken)) as proxy:
        yield proxy
