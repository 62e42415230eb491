"""`make demo`, run once for a file of tests on services of its own, as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.services import ROOT, infra, port_block, settings_for

DEMO_S = 900


@dataclass(frozen=True)
class Demo:
    """``settings`` start and stop the services, ``services`` finds them."""

    settings: dict[str, str]
    services: dict[str, str]
    said: str

    @property
    def url(self) -> str:
        """The prediction server."""
        return self.services["SWATHE_SERVING_URL"]

    def run(self, *command: str, cwd: Path = ROOT) -> str:
        """Run a command in a shell that has sourced `infra env`; return what it said."""
        return run_command(command, self.settings | self.services, cwd)

    def client(self) -> httpx.Client:
        """Return a client of the prediction server."""
        return httpx.Client(base_url=self.url, timeout=30)


def run_command(command: tuple[str, ...], environ: dict[str, str], cwd: Path) -> str:
    """Run a command; return what it said, and fail if it failed."""
    done = subprocess.run(
        command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=DEMO_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-6000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The line as `make demo` leaves it."""
    data = tmp_path_factory.mktemp("demo") / "data"
    with port_block() as ports:
        settings = settings_for(data, ports)
        try:
            said = run_command((sys.executable, "-m", "infra.demo"), settings, ROOT)
            services: dict[str, str] = json.loads(infra("env", "--json", environ=settings).stdout)
            yield Demo(settings, services, said)
        finally:
            infra("down", environ=settings)
