"""Runs a command and measures it with all the processes it starts."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

_SAMPLE_S = 0.1
# Memory is looked at less often: the kernel walks through all pages for it.
_EVERY = 5


class Measured(NamedTuple):
    """``cpu_s`` is user and system time, ``peak_mb`` memory, of the command and all below it."""

    seconds: float
    cpu_s: float
    peak_mb: float


class Family:
    """A process and all below it, looked at ten times a second; the services are none of them.

    What several share counts once (PSS): a process that begins another is there twice for a moment.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._cpu: dict[int, float] = {}
        self._peak = self._looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def end(self) -> tuple[float, float]:
        """Stop looking; return processor seconds and the peak of memory in MB."""
        self._ended.set()
        self._thread.join()
        return sum(self._cpu.values()), self._peak / 1e6

    def _look_on(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            with contextlib.suppress(psutil.NoSuchProcess):
                self._look()

    def _look(self) -> None:
        held, with_memory = 0, self._looks % _EVERY == 0
        self._looks += 1
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
                held += process.memory_full_info().pss if with_memory else 0
        self._peak = max(self._peak, held)


def measure(command: Sequence[str], environ: Mapping[str, str], log: Path) -> Measured:
    """Run ``command`` to its end; what it says goes to ``log``.

    Raises
    ------
    SystemExit: it failed.
    """
    begin = time.perf_counter()
    with log.open("a") as said:
        process = subprocess.Popen(command, env=dict(environ), stdout=said, stderr=subprocess.STDOUT)
        family = Family(process.pid)
        code = process.wait()
    seconds = time.perf_counter() - begin
    cpu_s, peak_mb = family.end()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}; the end of {log}:\n{log.read_text()[-3000:]}")
    return Measured(seconds, cpu_s, peak_mb)


@contextlib.contextmanager
def running(command: Sequence[str], environ: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let ``command`` run for the length of the block, and end it by SIGTERM."""
    with log.open("a") as said:
        process = subprocess.Popen(command, env=dict(environ), stdout=said, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
