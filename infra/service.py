"""What the commands and the watchdog know about one supervised service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.bring.toolchain import Toolchain
from infra.credentials import Credentials
from infra.layout import Layout
from infra.settings import Settings

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Command:
    """A program to run: its arguments, and what its environment has beside the inherited one."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """All that a service may need to be started."""

    settings: Settings
    layout: Layout
    credentials: Credentials
    toolchain: Toolchain
    python: Path


@dataclass(frozen=True)
class Service:
    """One supervised service.

    ``ports`` maps the setting of each port to the port; ``probe`` takes a timeout in seconds and raises
    ServiceDownError, or is None where only the process can be watched; ``prepare`` makes what must be there
    before the first start and returns the command. ``stop_s`` is how long it may take to end by itself,
    ``start_s`` how long until it answers. One that ends within ``steady_s`` of its start, again and again, is taken
    as one that cannot run: it is FATAL until the watchdog starts it again.
    """

    name: str
    title: str
    address: str
    ports: Mapping[str, int]
    probe: Callable[[float], None] | None
    prepare: Callable[[Start], Command]
    stop_s: int = 15
    start_s: int = 60
    steady_s: int = 2
