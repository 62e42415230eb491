"""The trainer that stays (`python -m pipeline watch`) as a supervised service, where a stream file is named."""

from __future__ import annotations

from contract.errors import ConfigurationError
from infra.service import Command, Service, Start
from infra.services.client_environment import client_environment


def service() -> Service:
    """Return the trainer. It has no port, so only its process is watched; services it needs it waits for itself."""
    return Service(name="watch", title="Trainer", address="", ports={}, probe=None, prepare=_prepare, stop_s=15)


def _prepare(start: Start) -> Command:
    stream = start.settings.watch_stream
    if stream is None or not stream.is_file():
        raise ConfigurationError(f"SWATHE_WATCH_STREAM={stream} is no stream file; name one, or unset it")
    return Command(
        argv=(str(start.python), "-m", "pipeline", "watch", "--stream", str(stream)),
        environment={
            **client_environment(start.settings, start.layout, start.credentials),
            "JAVA_HOME": str(start.toolchain.java_home),
            "SWATHE_SPARK_JARS": ",".join(map(str, start.toolchain.spark_jars)),
        },
    )
