"""Stopping the services: no process and no bound port is left, whatever state they were in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from contract.errors import StopError
from infra import credentials
from infra.files import hold
from infra.layout import Layout
from infra.progress import Progress, Say
from infra.run import running_settings
from infra.run.processes import end, listener_of, marked, wait_for_port
from infra.run.supervisor import Supervisor
from infra.service import HOST
from infra.settings import PORTS, Settings

# Longer than the longest stop_s of a service, after which the supervisor kills it.
_ORDERLY_S = 45.0
_PATIENCE_S = 10.0
_PORT_S = 10.0


def down(asked: Settings, *, progress: Progress) -> bool:
    """Stop all services of the data directory; return False if none ran.

    Raises
    ------
    StopError: a process does not end, or a port stays in use.
    """
    layout = Layout(asked.data)
    if not layout.data.exists():
        return False
    with exclusive(layout, progress):
        settings = running_settings.load_or(layout, asked)
        if not marked(layout.mark()):
            return False
        stop(settings, layout, progress)
    return True


def stop(settings: Settings, layout: Layout, progress: Progress) -> None:
    """Stop all services of ``layout``, which run with ``settings``; hold its lock while you call this.

    Raises
    ------
    StopError: a process does not end, or a port stays in use.
    """
    with progress.step("Stopping the services") as step:
        if layout.credentials.exists():
            supervisor = Supervisor(settings, layout, credentials.load(layout))
            if supervisor.answers():
                supervisor.shutdown()
                _wait_for_orderly_end(layout, step.say)
        try:
            end(layout.mark(), patience_s=_PATIENCE_S)
        except TimeoutError as error:
            raise StopError(
                f"{error}, although they were killed; the system holds them (a disk that hangs?)"
            ) from error
        _wait_for_ports(settings)


@contextlib.contextmanager
def exclusive(layout: Layout, progress: Progress) -> Iterator[None]:
    """Hold the lock of a data directory; say so if another command holds it."""
    with hold(layout.lock, f"Waiting for another `infra up` or `down` on {layout.data}", progress):
        yield


def _wait_for_orderly_end(layout: Layout, say: Say) -> None:
    deadline = time.monotonic() + _ORDERLY_S
    while (left := marked(layout.mark())) and time.monotonic() < deadline:
        say(f"{len(left)} processes left")
        time.sleep(0.2)


def _wait_for_ports(settings: Settings) -> None:
    for field, title in PORTS.items():
        port = getattr(settings, field)
        if not wait_for_port(HOST, port, _PORT_S):
            holder = listener_of(port) or "another program"
            raise StopError(f"all services have ended, but port {port} of the {title} is in use by {holder}")
