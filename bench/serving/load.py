"""Runs wrk against a server, and tells what the server spent."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Measured:
    """What wrk saw; ``cpu_us`` is the processor time that the server's processes took for each request."""

    requests_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


class Wrk:
    """One run of wrk, in the background until :meth:`result`."""

    def __init__(self, url: str, body: bytes, connections: int, seconds: int, server: psutil.Process) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        (folder / "body").write_bytes(body)
        (folder / "post.lua").write_text(_SCRIPT.format(body=folder / "body"))
        self._server, self._before = server, cpu_s(server)
        self._process = subprocess.Popen(
            [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--timeout",
                "30s",
                "-s",
                str(folder / "post.lua"),
                url,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    def result(self) -> Measured:
        """Wait for the end.

        Raises
        ------
        SystemExit: a request failed.
        """
        said, _ = self._process.communicate(timeout=300)
        spent = cpu_s(self._server) - self._before
        self._folder.cleanup()
        fields = json.loads(said.splitlines()[-1])
        if fields["failed"] or not fields["requests"]:
            raise SystemExit(f"requests failed:\n{said}")
        rate = fields["requests"] / fields["seconds"]
        return Measured(rate, fields["p50_ms"], fields["p99_ms"], 1e6 * spent / fields["requests"])


def cpu_s(server: psutil.Process) -> float:
    """Return the processor time of a server and all below it, in seconds."""
    total = 0.0
    for process in [server, *server.children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system
    return total


def pss_mb(server: psutil.Process) -> float:
    """Return the memory of a server and all below it, what they share counted once, in MB."""
    return sum(p.memory_full_info().pss for p in [server, *server.children(recursive=True)]) / 1e6
