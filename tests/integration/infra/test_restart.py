"""Whatever is killed comes back within 30 s, with nothing lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from infra.run.processes import marked
from infra.settings import PORTS
from tests.integration.infra.conftest import Instance
from tests.integration.infra.data import assert_found, leave
from tests.line import Line, record
from tests.services import infra

BACK_S = 30.0


def wait_until(condition: Callable[[], bool], within_s: float, what: str) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < within_s, f"not within {within_s} s: {what}"
        time.sleep(0.2)
    return time.monotonic() - begun


def processes_of(instance: Instance, service: str) -> list[psutil.Process]:
    """Return the processes of a service, the parent first."""
    return sorted(marked(instance.layout.mark(service)), key=lambda process: process.create_time())


def is_back(instance: Instance, service: str, killed: int) -> bool:
    state = instance.status()[service]
    alive = {process.pid for process in processes_of(instance, service)}
    return state["state"] == "RUNNING" and state["answers"] is not False and alive != set() and killed not in alive


def all_back(instance: Instance) -> bool:
    return all(is_back(instance, service, -1) for service in ("kafka", "minio", "mlflow", "watchdog"))


@pytest.mark.parametrize(
    ("service", "which"), [("kafka", 0), ("minio", 0), ("mlflow", 0), ("mlflow", -1), ("watchdog", 0)]
)
def test_a_killed_process_is_back_with_all_data(running: Instance, service: str, which: int) -> None:
    word = leave(running.env())
    victim = processes_of(running, service)[which]
    assert (victim.ppid() in {p.pid for p in processes_of(running, service)}) == (which == -1)
    victim.kill()
    took_s = wait_until(lambda: is_back(running, service, victim.pid), BACK_S, f"{service} answers again")
    print(f"{service}[{which}] answered {took_s:.1f} s after kill -9")
    assert_found(running.env(), word)


def test_up_takes_over_what_a_killed_supervisor_left(running: Instance) -> None:
    word = leave(running.env())
    orphans = {process.pid for process in marked(running.layout.mark())}
    for process in processes_of(running, "supervisord"):
        process.kill()
    running.up()
    assert_found(running.env(), word)
    assert not orphans & {process.pid for process in marked(running.layout.mark())}


def test_down_ends_what_a_killed_supervisor_left(running: Instance) -> None:
    for process in processes_of(running, "supervisord"):
        process.kill()
    assert len(marked(running.layout.mark())) >= 3
    infra("down", environ=running.environ)
    assert running.nothing_is_left()


def test_down_during_a_restart_leaves_nothing(running: Instance) -> None:
    for process in processes_of(running, "mlflow"):
        process.kill()
    infra("down", environ=running.environ)
    assert running.nothing_is_left()


@pytest.mark.long
def test_any_killed_process_of_the_prediction_server_is_made_good(running: Instance) -> None:
    """Some of its children leave, when they are killed, a parent that holds the socket and answers nobody."""
    infra("up", environ=running.environ)
    seen = len(processes_of(running, "serving"))
    assert seen > 1

    def whole_again(killed: int) -> bool:
        # Known to the watchdog: a parent that hangs from its first second on is given longer.
        known = f"event=answers service=serving process={running.status()['serving']['pid']} "
        watched = known in running.layout.log("watchdog").read_text()
        return watched and len(processes_of(running, "serving")) == seen and is_back(running, "serving", killed)

    wait_until(partial(whole_again, -1), BACK_S, "the watchdog knows it")

    # The youngest first: it is the one that takes the requests, until a younger worker has replaced a killed one.
    for which in reversed(range(seen)):
        victim = processes_of(running, "serving")[which]
        # Python's own bookkeeper of shared memory answers no request, and nothing waits for it.
        if "resource_tracker" not in " ".join(victim.cmdline()):
            victim.kill()
            took_s = wait_until(partial(whole_again, victim.pid), BACK_S, "it answers again")
            print(f"serving[{which}] answered {took_s:.1f} s after kill -9")


@pytest.mark.long
def test_a_service_that_lives_and_answers_nobody_is_replaced(running: Instance) -> None:
    """A stopped process still holds its port: only asking it shows that it is not well."""
    word = leave(running.env())
    hung = processes_of(running, "mlflow")[-1]
    os.kill(hung.pid, signal.SIGSTOP)
    took_s = wait_until(lambda: is_back(running, "mlflow", hung.pid), 90, "a hung server is replaced")
    print(f"mlflow answered {took_s:.1f} s after it hung")
    assert_found(running.env(), word)


@pytest.mark.long
@pytest.mark.parametrize("round_", range(3))
def test_everything_killed_at_once_is_back(running: Instance, round_: int) -> None:
    word = leave(running.env())
    victims = [p for name in ("kafka", "minio", "mlflow", "watchdog") for p in processes_of(running, name)]
    for victim in victims:
        victim.kill()
    wait_until(lambda: all_back(running), 60, "everything answers again")
    assert_found(running.env(), word)


def test_the_settings_name_every_port() -> None:
    """`down` waits for the ports in this list; a port that is not in it would be forgotten."""
    from infra import settings
    from infra.services.all import all_services

    loaded = settings.Settings()
    used = {name for service in all_services(loaded) for name in service.ports} | {"SWATHE_PORT_SUPERVISOR"}
    assert used == {settings.variable(field) for field in PORTS}


@pytest.mark.long
def test_a_member_that_lands_is_started_again_whatever_ends_it(stopped: Instance, tmp_path: Path) -> None:
    """Without a topic its stream ends it, and its log says why; with one it is back, and so it is behind a kill."""
    line = Line({}, tmp_path, cut="{max_age: 1s}")
    running = replace(stopped, environ={**stopped.environ, "SWATHE_LAND_STREAM": str(line.file)})
    try:
        running.up()
        line.services = running.env()
        wait_until(lambda: running.status()["land"]["state"] == "FATAL", 180, "it is given up")
        log = Path(running.status()["land"]["log"]).read_text()
        assert f"has no topic '{line.name}'" in log and "Traceback" not in log
        line.make_topic()
        line.send([record(0)])
        wait_until(lambda: running.status()["land"]["state"] == "RUNNING", 180, "the watchdog starts it again")
        assert "event=start_again service=land" in running.layout.log("watchdog").read_text()
        wait_until(lambda: len(line.manifests()) == 1, BACK_S, "it lands")
        victim = processes_of(running, "land")[0]
        victim.kill()
        line.send([record(1)])
        wait_until(lambda: len(line.manifests()) == 2, 2 * BACK_S, "it is back, and lands")
        assert victim.pid not in {process.pid for process in processes_of(running, "land")}
    finally:
        infra("down", environ=running.environ)
