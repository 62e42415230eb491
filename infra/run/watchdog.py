"""`python -m infra.run.watchdog`: asks every running service whether it is well, and ends those that are not.

A process that lives may still answer nobody. What is ended here, the process supervisor starts again.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from contract import log_lines
from contract.errors import ServiceDownError, SwatheError
from infra import credentials
from infra.layout import Layout
from infra.run import running_settings
from infra.run.processes import alive, descendants, end
from infra.run.supervisor import ProcessState, Supervisor
from infra.service import Service
from infra.services.all import all_services

logger = logging.getLogger(__name__)

INTERVAL_S = 2.0
PROBE_S = 4.0
# Four in a row: 8 s for a closed port, 24 s for one that hangs. A busy machine is not a dead service.
FAILURES = 4
# No answer, and a child that was there at the last answer is gone: that does not heal by waiting.
FAILURES_WITHOUT_CHILD = 2
_FATAL_RETRY_S = 10.0
_STOPPED_RETRY_S = 60.0
_PATIENCE_S = 2.0


@dataclass
class _Health:
    """What is known about one process of a service: ``failures`` in a row, ``hung`` of them without any answer."""

    pid: int = 0
    answered: bool = False
    failures: int = 0
    hung: int = 0
    children: list[psutil.Process] = field(default_factory=list)

    @property
    def tolerated(self) -> int:
        """How many failures in a row still count as a busy machine, once it has answered."""
        return FAILURES if all(alive(child) for child in self.children) else FAILURES_WITHOUT_CHILD


@dataclass
class Watchdog:
    """Watches ``services`` through ``supervisor``."""

    supervisor: Supervisor
    layout: Layout
    services: Iterable[Service]
    _health: dict[str, _Health] = field(default_factory=dict)

    def look(self) -> None:
        """Look at every service once.

        Raises
        ------
        ServiceDownError: the supervisor does not answer.
        """
        states = self.supervisor.states()
        for service in self.services:
            state = states.get(service.name)
            if state is None:
                continue
            # What cannot be asked ends by itself when a person has something to put right: not every few seconds.
            wait_s = _FATAL_RETRY_S if service.probe else _STOPPED_RETRY_S
            if state.state == "FATAL" and state.since_s > wait_s:
                logger.warning("event=start_again service=%s", service.name)
                self.supervisor.start(service.name)
            elif state.state == "RUNNING" and service.probe is not None:
                self._probe(service, state)

    def _probe(self, service: Service, state: ProcessState) -> None:
        assert service.probe is not None  # noqa: S101 (look() chose those that have one)
        health = self._health.get(service.name)
        if health is None or health.pid != state.pid:
            health = self._health[service.name] = _Health(state.pid)
        begun = time.monotonic()
        try:
            service.probe(PROBE_S)
        except ServiceDownError as error:
            health.failures += 1
            health.hung = health.hung + 1 if time.monotonic() - begun >= PROBE_S else 0
            self._judge(service, state, health, error.reason)
        else:
            if not health.answered:
                logger.info("event=answers service=%s process=%d after_s=%.0f", service.name, state.pid, state.since_s)
            health.answered, health.failures, health.hung = True, 0, 0
            health.children = descendants(state.pid)

    def _judge(self, service: Service, state: ProcessState, health: _Health, reason: str) -> None:
        # One that starts refuses connections; one that takes them and says nothing has gone wrong already.
        too_slow = state.since_s > service.start_s or health.hung >= FAILURES
        given_up = health.failures >= health.tolerated if health.answered else too_slow
        logger.warning("event=no_answer service=%s count=%d reason=%r", service.name, health.failures, reason)
        if given_up:
            ended = end(self.layout.mark(service.name), patience_s=_PATIENCE_S)
            logger.error("event=ended service=%s processes=%s", service.name, ",".join(map(str, ended)))
            del self._health[service.name]


def watch(layout: Layout) -> None:
    """Watch the services of ``layout`` until the supervisor that started this process is gone."""
    settings = running_settings.load(layout)
    supervisor = Supervisor(settings, layout, credentials.load(layout), timeout_s=PROBE_S)
    watchdog = Watchdog(supervisor, layout, all_services(settings))
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            watchdog.look()
        except (SwatheError, TimeoutError) as error:
            logger.warning("event=look_failed reason=%r", str(error))
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    log_lines.to_stderr(logging.INFO, "%(asctime)s %(levelname)s %(message)s")
    watch(Layout(Path(sys.argv[1])))
