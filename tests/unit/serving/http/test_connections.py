"""What a connection may take, over real sockets to a real uvicorn."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from serving.http.connections import BACKLOG, HEAD_BYTES, MOST_HEADERS, MOST_PIPELINED, Connections

HEAD_S, BODY_S = 0.3, 0.6
LARGE = 64_000_000
GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer the number of headers and of body bytes; /early does not read the body, /large answers 64 MB."""
    size, body = 0, b""
    while scope["path"] != "/early":
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    large = {"/large": LARGE, "/larger-than-buffers": 8_000_000}.get(scope["path"])
    body = b"x" * large if large else f"{len(scope['headers'])} {size}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Running:
    """A server in a thread."""

    def __init__(self, most: int, head_s: float = HEAD_S, body_s: float = BODY_S) -> None:
        self.bounds = Connections(most=most, body_s=body_s, head_s=head_s)
        http: Any = self.bounds.protocol
        config = uvicorn.Config(
            _app, http=http, ws="none", lifespan="off", log_level="critical", backlog=BACKLOG
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(self.socket.getsockname()[:2], timeout=5)

    def ask(self, *pieces: bytes) -> bytes:
        """Return all that comes after ``pieces`` were sent, until the server closes."""
        with self.connect() as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except OSError:
                    break
            return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    came = b""
    try:
        while piece := connection.recv(65536):
            came += piece
    except ConnectionResetError:
        pass
    return came


@contextlib.contextmanager
def _started(made: Running) -> Iterator[Running]:
    made.thread.start()
    yield made
    made.server.should_exit = True
    made.thread.join(timeout=10)
    assert not made.thread.is_alive()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A server that does not wait for long."""
    with _started(Running(most=1000)) as made:
        yield made


@pytest.fixture
def patient() -> Iterator[Running]:
    """A server that waits, with room for 40 connections."""
    with _started(Running(most=40, head_s=60, body_s=60)) as made:
        yield made


def test_what_is_within_bounds_is_answered_on_one_connection(running: Running) -> None:
    with running.connect() as connection:
        for size in (0, 10, 300_000):
            connection.sendall(POST + b"content-length: %d\r\n\r\n" % size + b"x" * size)
            assert connection.recv(4096).endswith(b"2 %d" % size)
        connection.sendall(CHUNKED + b"1e\r\n" + b"x" * 30 + b"\r\n0\r\n\r\n")
        assert connection.recv(4096).endswith(b"2 30")


@pytest.mark.parametrize(
    "begin",
    [b"GET /", GET + b"x: ", GET + b"x", GET, POST + b"content-length: 5\r\nx: "],
    ids=["path", "value", "name", "many", "post"],
)
def test_a_head_without_an_end_is_refused_after_some_kilobytes(running: Running, begin: bytes) -> None:
    piece = b"abc: d\r\n" * 100 if begin == GET else b"a" * 800
    with running.connect() as connection:
        connection.sendall(begin)
        sent = 0
        while sent < HEAD_BYTES - 2000:
            connection.sendall(piece)
            sent += len(piece)
        connection.sendall(b"a" * 4000)
        answer = _rest(connection)
    assert answer.startswith(b"HTTP/1.1 431 ") and b'"code": "head_too_large"' in answer and b"x-request-id" in answer
    # And at any speed, with any amount in one piece.
    assert running.ask(begin, *[b"a" * 2**20] * 20)[:13] in {b"", b"HTTP/1.1 431 "}


def test_too_many_headers_are_refused_and_trailers_are_none(running: Running) -> None:
    assert running.ask(GET + b"a:\r\n" * (MOST_HEADERS - 1) + b"\r\n").startswith(b"HTTP/1.1 200 ")
    assert running.ask(GET + b"a:\r\n" * MOST_HEADERS + b"\r\n").startswith(b"HTTP/1.1 431 ")
    assert running.ask(CHUNKED + b"1\r\nx\r\n0\r\nx-api-key: k\r\n\r\n").endswith(b"2 1")


@pytest.mark.parametrize(
    "wire", [b"1\r\nx\r\n" * 40_000, b"1;" + b"e" * 200_000, b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 40_000]
)
def test_what_stands_beside_a_body_is_bounded(running: Running, wire: bytes) -> None:
    assert running.ask(CHUNKED, wire, b"")[:13] in {b"", b"HTTP/1.1 400 "}


def test_chunks_of_a_few_dozen_bytes_are_fine(running: Running) -> None:
    assert running.ask(CHUNKED, (b"20\r\n" + b"x" * 32 + b"\r\n") * 20_000, b"0\r\n\r\n").endswith(b"2 640000")


@pytest.mark.parametrize("said", [b"", b"GET / HT", GET + b"a: b", b"\r\n\r\n"])
def test_a_connection_that_brings_no_request_is_closed_in_time(running: Running, said: bytes) -> None:
    began = time.monotonic()
    assert running.ask(said) == b""
    assert HEAD_S * 0.9 < time.monotonic() - began < HEAD_S + 2


def test_a_head_that_comes_byte_by_byte_is_closed_in_time(running: Running) -> None:
    began = time.monotonic()
    with running.connect() as connection:
        for byte in GET * 20:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.03)
        assert _rest(connection) == b""
    assert time.monotonic() - began < HEAD_S + 2


def test_line_breaks_do_not_keep_a_connection_open(running: Running) -> None:
    began = time.monotonic()
    with running.connect() as connection:
        connection.sendall(GET + b"\r\n")
        assert connection.recv(4096)
        try:
            while time.monotonic() - began < 5:
                connection.sendall(b"\r\n")
                time.sleep(0.05)
        except OSError:
            pass
    assert time.monotonic() - began < HEAD_S + 2


def test_a_body_that_does_not_come_is_not_waited_for(running: Running) -> None:
    began = time.monotonic()
    assert running.ask(POST + b"content-length: 100\r\n\r\nx") == b""
    assert time.monotonic() - began < HEAD_S + BODY_S + 2


def test_the_rest_of_a_body_that_was_refused_is_read_away_for_a_while(running: Running) -> None:
    head = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    with running.connect() as connection:
        connection.sendall(head + b"x" * 1_000_000 + GET + b"\r\n")
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 2:
            answers += connection.recv(4096)


def test_an_answer_that_nobody_takes_ends_its_connection(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(BODY_S + HEAD_S + 0.5)
        # More than the system's buffers hold.
        assert 0 < len(_rest(connection)) < LARGE


def test_silent_connections_make_room_for_others(patient: Running) -> None:
    with patient.connect() as asked:
        asked.sendall(GET + b"\r\n")
        assert asked.recv(4096)
        # One at work, and one that has asked before: neither goes while there are silent ones.
        with patient.connect() as working:
            working.sendall(POST + b"content-length: 2\r\n\r\nx")
            with contextlib.ExitStack() as silent:
                for _ in range(200):
                    silent.enter_context(patient.connect())
                assert patient.ask(GET + b"connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
                assert len(patient.bounds._open) <= 41
                working.sendall(b"x")
                assert working.recv(4096).endswith(b"2 2")
        asked.sendall(GET + b"\r\n")
        assert asked.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_is_taken_slowly_is_taken_whole() -> None:
    with _started(Running(most=10, head_s=0.2, body_s=30)) as made, made.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        # All of it was handed over, and the time for the next request is over.
        time.sleep(0.6)
        came = 0
        while came < LARGE:
            piece = connection.recv(2**20)
            assert piece
            came += len(piece)
        connection.sendall(GET + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "said",
    [
        POST + b"content-length: 2\r\n\r\nx",
        POST.replace(b"/", b"/early", 1) + b"content-length: 2\r\n\r\nx",
        CHUNKED,
        POST + b"content-length: 900000\r\n\r\n" + b"x" * 1000,
        GET.replace(b"/", b"/larger-than-buffers", 1) + b"\r\n",
    ],
    ids=["body", "lingering", "chunked", "large", "reader"],
)
def test_bodies_and_readers_that_do_not_go_on_make_room_for_others(patient: Running, said: bytes) -> None:
    size = 8 * 2**20
    with patient.connect() as quick, contextlib.ExitStack() as slow:
        # One whose body comes well is older than all others, and stays.
        quick.sendall(POST + b"content-length: %d\r\n\r\n" % size + b"x" * (size - 1))
        for _ in range(100):
            slow.enter_context(patient.connect()).sendall(said)
            assert len(patient.bounds._open) <= 41
        for _ in range(3):
            assert patient.ask(GET + b"connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        quick.sendall(b"x")
        assert quick.recv(4096).endswith(b"2 %d" % size)


def test_requests_that_wait_in_line_are_bounded(running: Running) -> None:
    few = running.ask((GET + b"\r\n") * 50 + GET + b"connection: close\r\n\r\n")
    assert few.count(b"HTTP/1.1 200 ") == 51
    assert running.ask((GET + b"\r\n") * (MOST_PIPELINED + 2)).count(b" 400 ") == 0


def test_what_is_no_http_is_told_in_the_shape_of_every_error(running: Running) -> None:
    answer = running.ask(b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"code": "malformed"' in answer


def test_an_upgrade_that_is_offered_is_not_taken(running: Running) -> None:
    for kind in (b"websocket", b"h2c"):
        head = GET + b"connection: upgrade\r\nupgrade: " + kind + b"\r\n\r\n"
        assert running.ask(head).startswith(b"HTTP/1.1 200 ")
