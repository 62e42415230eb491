"""`python -m bench.serving.misbehaving NAME PORT ROUTES SECONDS`: one client that misbehaves, in a process of its own.

Nothing but the standard library, so that it is there at once and takes the server's processor time, not the probe's.
"""

from __future__ import annotations

import itertools
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

MIB: Final = 2**20
_LARGE: Final = 30 * MIB


@dataclass(frozen=True)
class Target:
    """Whom to bother: a server, a version's routes, how many features it has, and until when, in monotonic seconds."""

    port: int
    routes: str
    features: int
    until: float

    def over(self) -> bool:
        """Return whether it is time to stop."""
        return time.monotonic() > self.until

    def connect(self, timeout_s: float = 2.0) -> socket.socket:
        """Open a connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def head(self, path: str, *headers: str, method: str = "POST") -> bytes:
        """Return the head of a request, with its end."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers, "", ""]
        return "\r\n".join(lines).encode()

    @property
    def predict(self) -> str:
        """The version's predict route."""
        return f"{self.routes}/predict"

    @property
    def infer(self) -> str:
        """The same version's route in the Open Inference Protocol."""
        _, _, model, version = self.routes.split("/")
        return f"/v2/models/{model}/versions/{version[1:]}/infer"


def _pour(at: Target, begin: bytes, pieces: Iterable[bytes]) -> None:
    """Send ``begin``, and then ``pieces`` for as long as they are taken; again and again."""
    while not at.over():
        with suppress(OSError), at.connect() as connection:
            connection.sendall(begin)
            for piece in pieces:
                if at.over():
                    return
                connection.sendall(piece)
            _read_away(connection)


def _read_away(connection: socket.socket, most: int = sys.maxsize) -> None:
    """Read what comes until nothing does for a moment, or the connection is closed."""
    connection.settimeout(0.5)
    with suppress(OSError):
        while most > 0 and (came := connection.recv(min(most, MIB))):
            most -= len(came)


def _ask(at: Target, head: bytes, body: bytes = b"", *, connections: int = 2, read: bool = True) -> None:
    """Send a request again and again over ``connections``, reading the answers or not."""

    def one() -> None:
        while not at.over():
            with suppress(OSError), at.connect(timeout_s=60) as connection:
                connection.sendall(head)
                connection.sendall(body)
                if read:
                    _answer(connection, at)
                else:
                    time.sleep(max(0.0, at.until - time.monotonic()))

    threads = [threading.Thread(target=one, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, at.until - time.monotonic()) + 0.2)


def _answer(connection: socket.socket, at: Target) -> None:
    connection.settimeout(max(0.05, at.until - time.monotonic()))
    head, _, rest = connection.recv(65536).partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(length[0].partition(b":")[2]) - len(rest) if length else sys.maxsize
    while left > 0 and not rest.endswith(b"0\r\n\r\n" if not length else b"\0never"):
        rest = connection.recv(MIB)
        if not rest:
            return
        left -= len(rest)


def _sized(body: bytes, *more: str) -> tuple[str, ...]:
    return (f"Content-Length: {len(body)}", *more)


def _post(at: Target, path: str, body: bytes, **how: bool | int) -> None:
    _ask(at, at.head(path, *_sized(body)), body, **how)  # type: ignore[arg-type] # passed on as it is


def endless_header(at: Target) -> None:
    """One header line without an end."""
    _pour(at, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: ", itertools.repeat(b"a" * MIB))


def endless_headers(at: Target) -> None:
    """Headers without an end."""
    piece = b"".join(b"X-%05d: %s\r\n" % (i, b"a" * 100) for i in range(5000))
    _pour(at, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n", itertools.repeat(piece))


def tiny_headers(at: Target) -> None:
    """As many headers as fit below the bound, in whole requests."""
    _ask(at, at.head("/health/live", *["a:"] * 6000, method="GET"))


def long_lists(at: Target) -> None:
    """Headers and a query that are lists of thousands of entries."""
    headers = (f"Accept: {'a,' * 4000}", f"Accept-Encoding: {'a,' * 4000}", f"If-None-Match: {'*,' * 2000}")
    path = f"{at.routes}/clustering-results?{'a&' * 3000}"
    _ask(at, at.head(path, *headers, method="GET"))


def endless_path(at: Target) -> None:
    """A request line without an end."""
    _pour(at, b"GET /", itertools.repeat(b"a" * MIB))


def endless_chunk_extension(at: Target) -> None:
    """A chunk whose size line does not end."""
    _pour(at, at.head(at.predict, "Transfer-Encoding: chunked") + b"5;x=", itertools.repeat(b"a" * MIB))


def endless_trailers(at: Target) -> None:
    """Trailers without an end."""
    begin = at.head(at.predict, "Transfer-Encoding: chunked") + b"1\r\n{\r\n0\r\n"
    _pour(at, begin, itertools.repeat(b"X: y\r\n" * 100_000))


def tiny_chunks(at: Target) -> None:
    """A body in chunks of one byte."""
    _pour(at, at.head(at.predict, "Transfer-Encoding: chunked"), itertools.repeat(b"1\r\n \r\n" * 100_000))


def pipelined(at: Target) -> None:
    """Requests without an end, sent before any answer is read."""
    _pour(at, b"", itertools.repeat(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000))


def reconnecting(at: Target) -> None:
    """Connections that are opened and closed at once."""
    while not at.over():
        with suppress(OSError):
            at.connect().close()


def silent_connections(at: Target) -> None:
    """More connections than there may be, none of which says anything."""
    _hold(at, 1500, socket.socket.fileno)


def slow_heads(at: Target) -> None:
    """Heads that come byte by byte."""
    _hold(at, 300, lambda connection: connection.send(b"G"), b"GET /")


def slow_bodies(at: Target) -> None:
    """Bodies of the largest size that come byte by byte."""
    begin = at.head(at.predict, f"Content-Length: {_LARGE}") + b"{" * 100_000
    _hold(at, 1500, lambda connection: connection.send(b" "), begin)


def unfinished_bodies(at: Target) -> None:
    """More connections than there may be, each with a body of which one byte is lacking."""
    begin = at.head(at.predict, "Content-Length: 2") + b"{"
    _hold(at, 1500, socket.socket.fileno, begin)


def unfinished_after_an_answer(at: Target) -> None:
    """The same, of requests that were answered before their body was whole."""
    _hold(at, 1500, socket.socket.fileno, at.head("/nothing", "Content-Length: 2") + b"{")


def _hold(at: Target, count: int, drip: Callable[[socket.socket], object], begin: bytes = b"") -> None:
    held: list[socket.socket] = []
    while not at.over():
        with suppress(OSError):
            if len(held) < count:
                held.append(at.connect())
                held[-1].sendall(begin)
                continue
            time.sleep(0.05)
        for connection in held:
            with suppress(OSError):
                drip(connection)


def faulty_rows(at: Target) -> None:
    """Rows that are all wrong, each to be answered by itself."""
    _post(at, f"{at.predict}?on_error=null", b'{"instances":[' + b",".join([b"1"] * 120_000) + b"]}")


def faulty_rows_of_30_mb(at: Target) -> None:
    """The same, as large as bodies may be."""
    _post(at, f"{at.predict}?on_error=null", b'{"instances":[' + b",".join([b"1"] * (_LARGE // 2)) + b"]}")


def last_row_wrong(at: Target) -> None:
    """A body that is just not large, and wrong at its end."""
    _post(at, at.predict, _rows(at, 250 * 1024, '["x"]'), connections=4)


def last_row_wrong_of_30_mb(at: Target) -> None:
    """A large body that is wrong at its end."""
    _post(at, at.predict, _rows(at, _LARGE, '["x"]'))


def many_rows_apart(at: Target) -> None:
    """The same, each row to be answered by itself."""
    _post(at, f"{at.predict}?on_error=null", _rows(at, 250 * 1024), connections=4)


def many_rows(at: Target) -> None:
    """A body that is just not large, of as many rows as fit."""
    _post(at, at.predict, _rows(at, 250 * 1024), connections=4)


def rows_of_30_mb(at: Target) -> None:
    """Large bodies, all right."""
    _post(at, at.predict, _rows(at, _LARGE), connections=4)


def tensor_of_30_mb(at: Target) -> None:
    """Large tensors as JSON."""
    row = json.dumps([1] * at.features)[1:-1].replace(" ", "")
    n = _LARGE // (len(row) + 1)
    shape = f'{{"inputs":[{{"name":"rows","datatype":"FP64","shape":[{n},{at.features}],"data":['
    _post(at, at.infer, shape.encode() + ",".join([row] * n).encode() + b"]}]}")


def binary_tensor_of_30_mb(at: Target) -> None:
    """Large tensors as bytes."""
    n = _LARGE // (8 * at.features)
    size = n * 8 * at.features
    tensor = {"name": "rows", "datatype": "FP64", "shape": [n, at.features], "parameters": {"binary_data_size": size}}
    header = json.dumps({"inputs": [tensor]}).encode()
    body = header + bytes(size)
    _ask(at, at.head(at.infer, *_sized(body, f"Inference-Header-Content-Length: {len(header)}")), body)


def tensor_wrong_at_its_end(at: Target) -> None:
    """A tensor that is just not large, and no JSON at its end."""
    data = b'{"inputs":[{"name":"rows","datatype":"FP64","shape":[1,1],"data":[' + b"1," * 125_000 + b"NaN"
    _post(at, at.infer, data, connections=4)


def index_of_30_mb(at: Target) -> None:
    """A large body where a small one is meant."""
    _post(at, "/v2/repository/index", b'{"ready":[' + b"1," * (_LARGE // 2) + b"1]}")


def body_that_nobody_reads(at: Target) -> None:
    """Bodies without an end, of requests that were refused."""
    _pour(at, at.head("/nothing", "Content-Length: 999999999999"), itertools.repeat(b" " * MIB))


def answers_never_read(at: Target) -> None:
    """Large answers that nobody takes."""
    _post(at, at.predict, _rows(at, 3 * MIB), connections=32, read=False)


def exports_never_read(at: Target) -> None:
    """All stored rows, asked for and not taken."""
    head = at.head(f"{at.routes}/clustering-results", "Accept: application/x-ndjson", method="GET")
    _ask(at, head, connections=32, read=False)


def pages(at: Target) -> None:
    """The largest pages of stored rows, compressed."""
    path = f"{at.routes}/clustering-results?limit=1000"
    _ask(at, at.head(path, "Accept-Encoding: gzip", method="GET"), connections=8)


def documents(at: Target) -> None:
    """The OpenAPI document, compressed."""
    _ask(at, at.head("/openapi.json", "Accept-Encoding: gzip", method="GET"), connections=8)


def listings(at: Target) -> None:
    """All models and versions."""
    _ask(at, at.head("/api/models", method="GET"), connections=8)


def metrics(at: Target) -> None:
    """The metrics."""
    _ask(at, at.head("/metrics", method="GET"), connections=8)


def nested(at: Target) -> None:
    """A body that is nested as deeply as it is long."""
    _post(at, at.predict, b'{"instances":' * 19_000)


def long_numbers(at: Target) -> None:
    """Numbers of thousands of digits."""
    _post(at, at.predict, b'{"instances":[[' + b",".join([b"1" * 4000] * 62) + b"]]}")


def _rows(at: Target, size: int, last: str = "") -> bytes:
    row = json.dumps([1] * at.features, separators=(",", ":"))
    rows = [row] * (size // (len(row) + 1) - 2)
    return ('{"instances":[' + ",".join([*rows, last] if last else rows) + "]}").encode()


MISBEHAVIOURS: Final[dict[str, Callable[[Target], None]]] = {
    each.__name__: each
    for each in (
        endless_header,
        endless_headers,
        tiny_headers,
        long_lists,
        endless_path,
        endless_chunk_extension,
        endless_trailers,
        tiny_chunks,
        pipelined,
        reconnecting,
        silent_connections,
        slow_heads,
        slow_bodies,
        unfinished_bodies,
        unfinished_after_an_answer,
        faulty_rows,
        faulty_rows_of_30_mb,
        last_row_wrong,
        last_row_wrong_of_30_mb,
        many_rows,
        many_rows_apart,
        rows_of_30_mb,
        tensor_of_30_mb,
        binary_tensor_of_30_mb,
        tensor_wrong_at_its_end,
        index_of_30_mb,
        body_that_nobody_reads,
        answers_never_read,
        exports_never_read,
        pages,
        documents,
        listings,
        metrics,
        nested,
        long_numbers,
    )
}


def main() -> None:
    """Misbehave."""
    name, port, routes, features, seconds = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    MISBEHAVIOURS[name](Target(int(port), routes, int(features), until))


if __name__ == "__main__":
    main()
