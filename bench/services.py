"""Services of the measurements' own, on free ports, so that a person's own data stays what it is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.settings import PORTS, variable


@contextmanager
def services() -> Iterator[dict[str, str]]:
    """Give the environment of running services: those that the shell names, or new ones for the length of the block."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="swathe-bench-") as folder:
        chosen = {"SWATHE_DATA": str(Path(folder) / "data"), **free_ports()}
        environ = {**os.environ, **chosen}
        try:
            _infra(environ, "up", "--without", "serving")
            shown = subprocess.run(
                [sys.executable, "-m", "infra", "env", "--json"], env=environ, check=True, capture_output=True
            )
            yield {**os.environ, **json.loads(shown.stdout)}
        finally:
            _infra(environ, "down")


def _infra(environ: Mapping[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "infra", *arguments], env=dict(environ), check=True)


def free_ports() -> dict[str, str]:
    """Return a port for each setting, all of them free a moment ago."""
    with ExitStack() as held:
        probes = {name: held.enter_context(socket.create_server(("127.0.0.1", 0))) for name in PORTS}
        return {variable(name): str(probe.getsockname()[1]) for name, probe in probes.items()}
