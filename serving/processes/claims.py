"""What a server needs for itself alone: its port and its cache directory."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from contract.errors import ConfigurationError

# A predecessor that was killed leaves children, which end within half a second.
_PATIENCE_S: Final = 3.0


@contextlib.contextmanager
def claimed_cache(directory: Path) -> Iterator[None]:
    """Hold the cache directory.

    Raises
    ------
    ConfigurationError: another server holds it.
    """
    with (directory / "server.lock").open("ab") as file:

        def claim() -> None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

        _patiently(claim, f"another prediction server uses {directory}; give this one its own SWATHE_SERVING_CACHE")
        yield


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody listens on.

    Raises
    ------
    ConfigurationError: names the port and the setting.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def claim() -> None:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))

    _patiently(claim, f"port {port} on {host} is in use; choose another with SWATHE_SERVING_PORT or --port")


def _patiently(claim: Callable[[], None], refusal: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            claim()
        except OSError as error:
            if time.monotonic() > deadline:
                raise ConfigurationError(refusal) from error
            time.sleep(0.1)
        else:
            return
