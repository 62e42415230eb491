"""The log files of the services."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from contract.errors import ConfigurationError
from contract.uri import without_credentials
from infra.layout import Layout


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last ``count`` lines of a log, or nothing if there is no such file; URIs without credentials."""
    try:
        with log.open(errors="replace") as file:
            return [without_credentials(line.rstrip("\n")) for line in deque(file, maxlen=count)]
    except FileNotFoundError:
        return []


def log_files(layout: Layout, services: Sequence[str]) -> list[Path]:
    """Return the logs of ``services``, or all logs if none is named.

    Raises
    ------
    ConfigurationError: there are none, or not of that service.
    """
    there = sorted(layout.logs.glob("*.log"))
    if not there:
        raise ConfigurationError(f"there are no logs in {layout.logs}; no service was started with this directory yet")
    known = {log.stem: log for log in there}
    for service in services:
        if service not in known:
            raise ConfigurationError(f"{service!r} has no log in {layout.logs}; those with one: {', '.join(known)}")
    return [known[service] for service in services] if services else there


def follow(logs: Sequence[Path], lines: int) -> NoReturn:
    """Become `tail`, which shows the logs as they grow and survives their rotation."""
    os.execvp("tail", ["tail", "-n", str(lines), "-F", *map(str, logs)])  # noqa: S606, S607 (POSIX has it)
