"""Services that a test may kill: a second set, beside the one that the other tests share."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.layout import Layout
from infra.run.processes import marked, port_is_free
from tests.services import infra, port_block, settings_for


@dataclass(frozen=True)
class Instance:
    """One data directory with ports of its own; ``environ`` makes `python -m infra` keep to it."""

    environ: dict[str, str]
    ports: list[int]

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.environ["SWATHE_DATA"]))

    def up(self) -> str:
        return infra("up", "--without", "serving", environ=self.environ).stderr

    def status(self) -> dict[str, dict[str, Any]]:
        told = infra("status", "--json", environ=self.environ, check=False).stdout
        return {each["service"]: each for each in json.loads(told)}

    def env(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(infra("env", "--json", environ=self.environ).stdout)
        return found

    def nothing_is_left(self) -> bool:
        return marked(self.layout.mark()) == [] and all(port_is_free("127.0.0.1", port) for port in self.ports)


@pytest.fixture(scope="session")
def shared_instance() -> Iterator[Instance]:
    # Not below pytest's own directory: its path is long, and services must live in deep ones as well as short.
    directory = Path(tempfile.mkdtemp(prefix="swathe-infra-")) / "a directory" / ("deep" * 30)
    with port_block() as ports:
        instance = Instance(settings_for(directory, ports), ports)
        yield instance
        infra("down", environ=instance.environ)
    shutil.rmtree(directory.parent.parent)


@pytest.fixture
def stopped(shared_instance: Instance) -> Instance:
    """The instance, stopped; its data may be there from before."""
    infra("down", environ=shared_instance.environ)
    return shared_instance


@pytest.fixture
def running(shared_instance: Instance) -> Instance:
    """The instance, running."""
    shared_instance.up()
    return shared_instance
