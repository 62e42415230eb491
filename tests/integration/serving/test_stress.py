"""Killed processes, floods, slow workers, SIGTERM: nothing hangs, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from serving.http import worker_queue
from tests.integration.serving.conftest import NewServer
from tests.integration.serving.load import Load
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.integration.serving.registered import Made, Maker, predict_body, record


@pytest.fixture(scope="module")
def made(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One version for all tests here."""
    return maker.version(maker.model(f"stress-{os.urandom(4).hex()}"), tmp_path_factory.mktemp("stress"), n=500)


@pytest.fixture
def server(new_server: NewServer, made: Made) -> Iterator[PredictionServer]:
    """A server of that version."""
    server = new_server(SWATHE_SERVING_MODELS=made.model).start()
    # A connection that stays open tells which process answers.
    server.get("/api/models")
    yield server
    if server.process is not None:
        assert server.stop() == 0


@pytest.fixture(scope="module")
def large(made: Made) -> bytes:
    """A body that goes to a worker."""
    return json.dumps({"dataframe_records": [record(made, i % 500) for i in range(20000)]}).encode()


def test_a_killed_worker_takes_at_most_its_own_requests_along(
    server: PredictionServer, made: Made, large: bytes
) -> None:
    path = f"{made.path}/predict"
    with (
        Load(server.url, lambda: path, predict_body(made, range(1)), 16) as small,
        Load(server.url, lambda: path, large, 4) as heavy,
    ):
        eventually("large ones are answered", lambda: len(heavy.answers) > 4)
        before = len(heavy.answers)
        server.workers()[0].kill()
        killed = time.monotonic()
        eventually(
            "large ones are answered again",
            lambda: any(a.code == 200 and a.sent_at > killed for a in heavy.answers[before:]),
            20,
        )
    assert small.failures == []
    assert len(heavy.failures) <= 4
    for answer in heavy.failures:
        assert answer.code == 503, answer
        # At once where the worker had said that it begins; what it took without a word is given up after so many looks.
        assert answer.sent_at + answer.seconds - killed < 1 + worker_queue._LOOKS_TAKEN * worker_queue._WATCH_S, answer


def test_a_killed_api_process_comes_back_within_5_s(server: PredictionServer, made: Made, large: bytes) -> None:
    path = f"{made.path}/predict"
    with Load(server.url, lambda: path, predict_body(made, range(1)), 16) as load:
        eventually("it is busy", lambda: len(load.answers) > 100)
        server.api_process().kill()
        killed = time.monotonic()
        eventually("it answers", lambda: any(a.code == 200 and a.sent_at > killed for a in load.answers), 5)
    assert {answer.code for answer in load.failures} <= {0}
    assert server.predict(made.path, large).status_code == 200


def test_a_killed_main_process_leaves_nothing_behind(new_server: NewServer, made: Made) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model).start()
    assert server.process is not None
    below = server.tree()[1:]
    assert len(below) >= 3
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    # The port is free again: a supervisor's restart finds it so.
    server.start()
    assert server.stop() == 0


def test_a_killed_manager_process_ends_the_server_whole(new_server: NewServer, made: Made) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model).start()
    assert server.process is not None
    below = server.tree()[1:]
    server.manager().kill()
    assert server.process.wait(timeout=5) == 1
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    said = server.said()
    assert "manager process ended" in said and "Aborted" not in said, said
    # What its supervisor does then.
    server.start()
    assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_answers_what_was_begun(
    new_server: NewServer, made: Made, large: bytes, number: signal.Signals
) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model).start()
    assert server.process is not None
    below, workers = server.tree()[1:], server.workers()
    # So that no answer is on its way before the last request has arrived.
    for worker in workers:
        worker.suspend()
    with ThreadPoolExecutor(8) as pool:
        begun = [pool.submit(server.predict, made.path, large) for _ in range(8)]
        eventually("all have arrived", lambda: _in_flight(server) >= 8)
        server.process.send_signal(number)
        for worker in workers:
            worker.resume()
        assert [answer.result().status_code for answer in begun] == [200] * 8
    assert server.process.wait(timeout=30) == 0
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    assert "Traceback" not in server.said()


def _in_flight(server: PredictionServer) -> float:
    line = next(x for x in server.http.get("/metrics").text.splitlines() if x.startswith("swathe_requests_in_flight "))
    # Less the one that asks.
    return float(line.split()[1]) - 1


def test_too_many_at_once_are_told_to_come_back(new_server: NewServer, made: Made, large: bytes) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model, SWATHE_SERVING_QUEUE="2").start()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.predict(made.path, large), range(16)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1" and refused.json()["code"] == "overloaded"
    assert server.predict(made.path, large).status_code == 200
    assert server.stop() == 0


def test_a_worker_that_hangs_ends_in_504_and_holds_up_nobody(new_server: NewServer, made: Made, large: bytes) -> None:
    server = new_server(SWATHE_SERVING_MODELS=made.model, SWATHE_SERVING_DEADLINE_S="1").start()
    workers = server.workers()
    for worker in workers:
        worker.suspend()
    tensor = {"name": "rows", "datatype": "FP64", "shape": [100_000, 3], "data": [1] * 300_000}
    faulty = json.dumps({"instances": [[1, 2, 3]] * 5000 + [["x"]]}).encode()
    # All that is worked on by workers: what is large, by either route, and what has a fault to be looked for.
    asked = [
        (f"{made.path}/predict", large),
        (f"{made.path}/predict", faulty),
        (f"{made.path}/predict?on_error=null", faulty),
        (f"/v2/models/{made.model}/versions/{made.number}/infer", json.dumps({"inputs": [tensor]}).encode()),
    ]
    headers = {"content-type": "application/json"}
    began = time.monotonic()
    with ThreadPoolExecutor(len(asked)) as pool:
        slow = [pool.submit(server.http.post, path, content=body, headers=headers) for path, body in asked]
        assert server.predict(made.path, predict_body(made, range(1))).status_code == 200
        assert [answer.result().status_code for answer in slow] == [504] * len(asked)
    assert 0.9 < time.monotonic() - began < 5
    for worker in workers:
        worker.resume()
    eventually("it works again", lambda: server.predict(made.path, large).status_code == 200)
    assert server.stop() == 0


def test_large_requests_do_not_hold_up_small_ones(server: PredictionServer, made: Made, large: bytes) -> None:
    path = f"{made.path}/predict"
    with Load(server.url, lambda: path, large, 4) as heavy:
        eventually("large ones are answered", lambda: len(heavy.answers) > 4)
        times = []
        for _ in range(300):
            began = time.perf_counter()
            assert server.predict(made.path, predict_body(made, range(1))).status_code == 200
            times.append(time.perf_counter() - began)
    assert heavy.failures == []
    # 25 ms is the aim on a machine of its own; here clients, services and other tests take their share.
    assert sorted(times)[int(len(times) * 0.95)] < 0.25


def test_a_port_in_use_is_named(new_server: NewServer, server: PredictionServer, tmp_path: Path) -> None:
    other = new_server(SWATHE_SERVING_PORT=str(server.port), SWATHE_SERVING_CACHE=str(tmp_path / "other"))
    with pytest.raises(AssertionError):
        other.start()
    said = other.said()
    assert "SWATHE_SERVING_PORT" in said and str(server.port) in said and "Traceback" not in said


def test_beyond_loopback_a_key_is_required(new_server: NewServer, made: Made) -> None:
    with pytest.raises(AssertionError):
        new_server(SWATHE_SERVING_HOST="0.0.0.0").start()
    server = new_server(
        SWATHE_SERVING_MODELS=made.model, SWATHE_SERVING_HOST="0.0.0.0", SWATHE_SERVING_API_KEY="k" * 20
    )
    server.start()
    body = predict_body(made, range(1))
    assert server.predict(made.path, body).status_code == 401
    assert server.code("/api/models") == server.code("/docs") == server.code("/metrics") == 401
    assert server.code("/health/live") == 200
    for headers in ({"x-api-key": "k" * 20}, {"authorization": f"Bearer {'k' * 20}"}):
        assert server.http.get("/api/models", headers=headers).status_code == 200
    # A browser asks for a name and a password, once it is told to.
    assert server.http.get("/ui").headers["www-authenticate"].startswith("Basic ")
    assert server.http.get("/ui", auth=("anybody", "k" * 20)).status_code == 200
    for auth in (("k" * 20, ""), ("anybody", "k" * 19)):
        assert server.http.get("/ui", auth=auth).status_code == 401
    for authorization in ("Basic", "Basic !", "Basic äöü", "Basic a2trCg=="):
        assert server.http.get("/ui", headers=[(b"authorization", authorization.encode())]).status_code == 401
    assert server.http.get("/api/models", headers={"x-api-key": "k" * 19}).status_code == 401
    assert server.http.get("/api/models", headers=[(b"x-api-key", "ü".encode())]).status_code == 401
    assert server.stop() == 0


def test_two_servers_on_one_cache_are_refused(new_server: NewServer, server: PredictionServer) -> None:
    other = new_server()
    with pytest.raises(AssertionError):
        other.start()
    assert "SWATHE_SERVING_CACHE" in other.said()


@pytest.mark.long
def test_no_request_is_lost_wherever_in_its_work_a_worker_is_killed(
    server: PredictionServer, made: Made, large: bytes
) -> None:
    """Between taking a request and saying so a worker is killed only now and then: so many times."""
    path = f"{made.path}/predict"
    with Load(server.url, lambda: path, large, 6) as heavy:
        for _ in range(12):
            answered = _succeeded(heavy)
            eventually("large ones are answered", partial(_more_than, heavy, answered + 3), 30)
            server.workers()[0].kill()
    assert {answer.code for answer in heavy.failures} == {503}
    assert len(heavy.failures) <= 12 * 2


def _succeeded(load: Load) -> int:
    return sum(answer.code == 200 for answer in load.answers)


def _more_than(load: Load, count: int) -> bool:
    return _succeeded(load) > count
