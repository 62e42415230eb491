"""Stands between the server and a service, so that the service can be down for this server alone."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import unquote_plus, urlsplit


class Relay:
    """Passes TCP on to ``url`` while it is up; refuses connections, and cuts those there are, while it is down."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._sent: list[bytes] = []
        self._lock = threading.Lock()
        self.port = 0
        self.up()
        self.url = f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse and cut."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                with self._lock:
                    self._open |= {near, far}
                for source, target, kept in ((near, far, self._sent), (far, near, None)):
                    threading.Thread(target=self._pass, args=(source, target, kept), daemon=True).start()

    def asked(self) -> list[str]:
        """Return the paths of the GETs that went through since this was asked last."""
        with self._lock:
            sent = b"".join(self._sent)
            self._sent.clear()
        return [unquote_plus(path.decode()) for path in re.findall(rb"GET (\S+) HTTP/1.1\r\n", sent)]

    def _pass(self, source: socket.socket, target: socket.socket, kept: list[bytes] | None) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
                if kept is not None:
                    with self._lock:
                        kept.append(chunk)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()


@contextlib.contextmanager
def relay(url: str) -> Iterator[Relay]:
    """Give a relay to ``url``, which ends with the block."""
    made = Relay(url)
    try:
        yield made
    finally:
        made.down()
