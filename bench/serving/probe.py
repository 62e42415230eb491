"""How long others wait while one client misbehaves."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PAUSE_S = 0.002


@dataclass(frozen=True)
class Waits:
    """What requests of one row took beside a misbehaving client, in seconds, sorted."""

    seconds: tuple[float, ...]

    @property
    def p50(self) -> float:
        """What half of them stay below."""
        return self.seconds[len(self.seconds) // 2]

    @property
    def p99(self) -> float:
        """What 99 of 100 stay below."""
        return self.seconds[int(len(self.seconds) * 0.99)]

    @property
    def longest(self) -> float:
        """The longest one: the event loop stood still for no longer."""
        return self.seconds[-1]


def waits(name: str, port: int, routes: str, *, row: bytes, features: int, seconds: float) -> Waits:
    """Ask for one row again and again while the client ``name`` misbehaves, which is given a moment to begin.

    Raises
    ------
    AssertionError: an answer is not 200.
    """
    found: list[float] = []
    with _misbehaving(name, port, routes, features, seconds + 0.3) as client:
        while client.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            # It may be closed for a new one when there are too many: then another is opened.
            with contextlib.suppress(ConnectionError):
                found.extend(_asked(connection, f"{routes}/predict", row, client))
            connection.close()
    return Waits(tuple(sorted(found)))


def _asked(
    connection: http.client.HTTPConnection, path: str, row: bytes, client: subprocess.Popen[bytes]
) -> Iterator[float]:
    while client.poll() is None:
        began = time.monotonic()
        connection.request("POST", path, row, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        yield time.monotonic() - began
        assert answer.status == 200, said
        time.sleep(_PAUSE_S)


@contextmanager
def _misbehaving(name: str, port: int, routes: str, features: int, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.serving.misbehaving", name, str(port), routes, str(features), str(seconds)]
    client = subprocess.Popen(command, cwd=_ROOT)
    try:
        yield client
    finally:
        client.kill()
        client.wait()
