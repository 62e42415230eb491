"""Clients that are browsers, caches, slow, or gone."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.integration.serving.conftest import NewServer, Served
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.integration.serving.registered import Made, Maker, predict_body

ORIGIN = "https://pages.example"
KEY = "k" * 20


@pytest.fixture(scope="module")
def made(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One version for all tests here."""
    return maker.version(maker.model(f"clients-{os.urandom(4).hex()}"), tmp_path_factory.mktemp("clients"), n=300)


@pytest.fixture
def silent_store() -> Iterator[str]:
    """An object store that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _begun_request(server: PredictionServer, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = (
        f"POST {path}/predict HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        "content-length: 1000",
    )
    connection.sendall("\r\n".join([*head, "", "{"]).encode())
    return connection


def test_a_page_of_another_origin_may_predict(new_server: NewServer, made: Made) -> None:
    server = new_server(
        SWATHE_SERVING_MODELS=made.model, SWATHE_SERVING_CORS_ORIGINS=ORIGIN, SWATHE_SERVING_API_KEY=KEY
    ).start()
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    asked["access-control-request-headers"] = "content-type, x-api-key"
    # A browser asks first, and sends no key with it.
    before = server.http.options(f"{made.path}/predict", headers=asked)
    assert before.status_code == 200, before.text
    assert "POST" in before.headers["access-control-allow-methods"]
    headers = {"origin": ORIGIN, "content-type": "application/json"}
    refused = server.http.post(f"{made.path}/predict", content=predict_body(made, range(1)), headers=headers)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)
    headers["x-api-key"] = KEY
    answer = server.http.post(f"{made.path}/predict", content=predict_body(made, range(1)), headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()
    foreign = server.http.options(f"{made.path}/predict", headers={**asked, "origin": "https://other.example"})
    assert foreign.status_code == 400
    assert server.stop() == 0


def test_a_cache_keeps_what_differs_apart(served: Served) -> None:
    path = f"{served.one.path}/clustering-results"
    page = served.server.http.get(path)
    lines = served.server.http.get(path, headers={"accept": "application/x-ndjson"})
    again = served.server.http.get(path, headers={"if-none-match": page.headers["etag"]})
    assert page.headers["content-type"] != lines.headers["content-type"]
    for answer in (page, lines, again):
        varies = {name.strip().lower() for name in answer.headers["vary"].split(",")}
        # By the key too: a shared cache must not hand out what it got with one.
        assert {"accept", "x-api-key", "authorization"} <= varies


def test_a_client_that_hangs_up_is_no_error_of_ours(new_server: NewServer, made: Made) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model).start()
    _begun_request(server, made.path).close()
    counted = f'swathe_requests_total{{code="499",model="{made.model}"'
    eventually("it is counted", lambda: counted in server.http.get("/metrics").text)
    assert server.stop() == 0
    assert "Traceback" not in server.said() and "ERROR" not in server.said()


def test_a_body_that_never_ends_is_not_waited_for(new_server: NewServer, made: Made) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model, SWATHE_SERVING_DEADLINE_S="1").start()
    began = time.monotonic()
    with _begun_request(server, made.path) as connection:
        assert b" 504 " in connection.recv(4096)
        assert 0.9 < time.monotonic() - began < 5
        began = time.monotonic()
        assert server.stop() == 0
    assert time.monotonic() - began < 10


def test_a_silent_store_keeps_no_more_threads_than_places(new_server: NewServer, made: Made, silent_store: str) -> None:
    server = new_server(
        SWATHE_SERVING_MODELS=made.model,
        SWATHE_STORE_URL=silent_store,
        SWATHE_SERVING_DEADLINE_S="0.5",
        SWATHE_SERVING_QUEUE="4",
    ).start()
    server.get("/api/models")
    process = server.api_process()
    before = process.num_threads()

    def code(_: int) -> int:
        return httpx.get(f"{server.url}{made.path}/clustering-results", timeout=10).status_code

    with ThreadPoolExecutor(8) as pool:
        first, second = list(pool.map(code, range(8))), list(pool.map(code, range(8)))
    assert set(first) == {429, 504}
    # Places are free again when the store is given up, never before.
    assert set(second) <= {429, 504} and len(second) == 8
    assert process.num_threads() - before <= 4
    assert server.predict(made.path, predict_body(made, range(1))).status_code == 200
    assert server.stop() == 0


def test_bodies_that_come_slowly_do_not_take_the_room_of_small_ones(new_server: NewServer, made: Made) -> None:
    server = new_server(
        SWATHE_SERVING_MODELS=made.model, SWATHE_SERVING_MAX_BODY_BYTES="1000000", SWATHE_SERVING_BODIES_BYTES="2000000"
    ).start()
    head = f"POST {made.path}/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n".encode()
    with contextlib.ExitStack() as held:
        for _ in range(2):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            connection.sendall(head + b"content-length: 900000\r\n\r\n{")
        eventually("they are being read", lambda: "swathe_requests_in_flight 3.0" in server.http.get("/metrics").text)
        refused = server.predict(made.path, b" " * 900_000)
        assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
        assert "SWATHE_SERVING_BODIES_BYTES" in refused.json()["message"]
        assert server.predict(made.path, predict_body(made, range(100))).status_code == 200
    eventually("their room is free", lambda: server.predict(made.path, b" " * 900_000).status_code == 400)
    assert server.stop() == 0


def test_silent_connections_and_exports_that_nobody_reads_leave_room_for_others(
    new_server: NewServer, maker: Maker, tmp_path: Path
) -> None:
    made = maker.version(maker.model(f"clients-{os.urandom(4).hex()}"), tmp_path, n=60_000, row_groups=20_000)
    server = new_server(SWATHE_SERVING_MODELS=made.model)
    # What the shell gives; half of it are connections.
    most, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, highest))
    try:
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, highest))
    head = f"GET {made.path}/clustering-results HTTP/1.1\r\nhost: localhost\r\naccept: application/x-ndjson\r\n\r\n"
    with contextlib.ExitStack() as held:

        def connect() -> socket.socket:
            return held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))

        for _ in range(400):
            connect()
        assert server.predict(made.path, predict_body(made, range(1))).status_code == 200
        exports = [connect() for _ in range(9)]
        for connection in exports:
            connection.sendall(head.encode())
        codes = sorted(connection.recv(64).split()[1] for connection in exports)
        assert codes == [b"200"] * 8 + [b"429"]
        # Pages do not wait for them.
        assert len(server.get(f"{made.path}/clustering-results", limit=5)["results"]) == 5
    eventually("their places are free", lambda: _lines(server, made) == 60_000)
    assert "is the limit" in server.said() and "Too many open files" not in server.said()
    assert server.stop() == 0


def _lines(server: PredictionServer, made: Made) -> int:
    path = f"{made.path}/clustering-results"
    with server.http.stream("GET", path, headers={"accept": "application/x-ndjson"}) as answer:
        return sum(1 for _ in answer.iter_lines()) if answer.status_code == 200 else 0


def test_results_that_cannot_be_cached_are_told_at_the_start(new_server: NewServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "results").write_text("not a directory")
    server = new_server()
    with pytest.raises(AssertionError):
        server.start()
    assert "SWATHE_SERVING_CACHE" in server.said() and "Traceback" not in server.said()
