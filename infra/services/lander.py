"""A member of the landing group (`python -m pipeline land`) as a supervised service, where a stream file is named."""

from __future__ import annotations

from contract.errors import ConfigurationError
from infra.service import Command, Service, Start
from infra.services.client_environment import client_environment

# A line that stops does so within some seconds of its start; it is told once a minute, not all the time.
STEADY_S = 20


def service() -> Service:
    """Return the member. Like the trainer it has no port, and waits for services by itself."""
    return Service(
        name="land", title="Landing", address="", ports={}, probe=None, prepare=_prepare, stop_s=15, steady_s=STEADY_S
    )


def _prepare(start: Start) -> Command:
    stream = start.settings.land_stream
    if stream is None or not stream.is_file():
        raise ConfigurationError(f"SWATHE_LAND_STREAM={stream} is no stream file; name one, or unset it")
    return Command(
        argv=(str(start.python), "-m", "pipeline", "land", "--stream", str(stream)),
        environment=dict(client_environment(start.settings, start.layout, start.credentials)),
    )
