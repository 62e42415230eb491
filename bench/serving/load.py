"""Loads a server with requests, and tells what the server spent."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil

from bench import bombardier, record


class Measured(NamedTuple):
    """What clients saw; ``cpu_us`` is the processor time that the server's processes took for each request."""

    requests_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float

    def tell(self, what: str) -> None:
        """Print and record it."""
        print(
            f"{what:52}{self.requests_s:>9,.0f} requests/s, p50 {self.p50_ms:.2f}, p99 {self.p99_ms:.2f} ms, "
            f"{self.cpu_us:,.0f} µs of CPU",
            flush=True,
        )
        record.fact(what, requests_s=self.requests_s, p50_ms=self.p50_ms, p99_ms=self.p99_ms, cpu_us=self.cpu_us)


class Load:
    """One run of requests in closed loops, in the background until :meth:`result`."""

    def __init__(self, url: str, body: bytes, connections: int, seconds: int, server: psutil.Process) -> None:
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "body"
        file.write_bytes(body)
        self._server = server
        flags = ["--latencies", "--print", "result", "--format", "json", "--method", "POST", "--timeout", "30s"]
        run = [f"--connections={connections}", f"--duration={seconds}s", f"--body-file={file}"]
        command = [str(bombardier.binary()), *flags, *run, "--header", "Content-Type: application/json", url]
        self._before = cpu_s(server)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bombardier.environment())

    def result(self) -> Measured:
        """Wait for the end.

        Raises
        ------
        SystemExit: a request failed.
        """
        said, _ = self._process.communicate(timeout=300)
        spent = cpu_s(self._server) - self._before
        self._folder.cleanup()
        return measured(said, spent)


def measured(said: str, spent_s: float) -> Measured:
    """Return what bombardier ``said``; the server has spent so much processor time meanwhile.

    Raises
    ------
    SystemExit: a request failed.
    """
    found = json.loads(said)["result"]
    answered = found["req2xx"]
    if not answered or found.get("errors") or any(found[f"req{n}xx"] for n in (1, 3, 4, 5)) or found["others"]:
        raise SystemExit(f"requests failed:\n{said}")
    p50_us, p99_us = (found["latency"]["percentiles"][share] for share in ("50", "99"))
    return Measured(answered / found["timeTakenSeconds"], p50_us / 1e3, p99_us / 1e3, 1e6 * spent_s / answered)


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
