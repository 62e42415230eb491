"""The watchdog as a supervised service: it has no port, so only its process is watched."""

from __future__ import annotations

from infra.service import Command, Service, Start


def service() -> Service:
    """Return the watchdog."""
    return Service(name="watchdog", title="Watchdog", address="", ports={}, probe=None, prepare=_prepare, stop_s=10)


def _prepare(start: Start) -> Command:
    return Command(argv=(str(start.python), "-m", "infra.run.watchdog", str(start.layout.data)))
