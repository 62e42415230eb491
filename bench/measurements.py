"""Which measurements there are, what each is run with, and what is kept of its runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import record
from bench.asked import ASKED

Run = dict[str, Any]
"""One run of a measurement: when, how long, at which load, how it ended, and the lines that it recorded."""


@dataclass(frozen=True)
class Measurement:
    """A module, with its arguments for `make bench` (None: not there) and for `make bench-full`, and its runs there.

    What takes long and does not scatter is run once.
    """

    module: str
    quick: tuple[str, ...] | None
    full: tuple[str, ...] = ()
    runs: int = 5
    on_services: bool = True


MEASUREMENTS: Final[Mapping[str, Measurement]] = {
    "landing": Measurement("bench.landing", ("--records", "500000")),
    "landing.members": Measurement("bench.landing", ("--members-only",), ("--members-only",)),
    "landing.tenfold": Measurement("bench.landing", None, ("--tenfold-only",), runs=1),
    "landing.nested": Measurement("bench.landing.nested", (), on_services=False),
    "describing": Measurement("bench.describing", ("--rows", "1000000", "--turns", "1", "--plain-only"),
                              ("--turns", "1"), on_services=False),
    "training": Measurement("bench.training", ("--quick",)),
    "training.many": Measurement("bench.training.many", None, runs=1),
    "training.large": Measurement("bench.training", None, ("--large-only",), runs=1),
    "recommending": Measurement("bench.recommending", None),
    "serving": Measurement("bench.serving", ("--seconds", "2", "--turns", "1"), ("--turns", "1")),
    "serving.versions_100": Measurement("bench.serving.many", ("100",), ("100",)),
    "serving.versions_1000": Measurement("bench.serving.many", None, ("1000",), runs=1),
    "serving.large_k": Measurement("bench.serving.large_k", None),
    "serving.misbehaving": Measurement("bench.serving", None, ("--misbehaving",), runs=1),
    "serving.recommending": Measurement("bench.serving", None, ("--recommending", "--turns", "1")),
    "serving.peers": Measurement("bench.serving.peers", ("--seconds", "2")),
    "line": Measurement("bench.line", ()),
    "first_minute": Measurement("bench.first_minute", None, ("--only", "demo"), runs=1, on_services=False),
    "first_minute.tests": Measurement("bench.first_minute", None, ("--only", "tests"), runs=1, on_services=False),
    "before": Measurement("bench.before", None, runs=1),
}  # fmt: skip
# Beside an earlier commit: nothing is asked of it today, so it is run where it is named.
ONLY_BY_NAME: Final = ("before",)


def perform(measurement: Measurement, *, full: bool, environ: Mapping[str, str]) -> Run:
    """Run a measurement once, in a process of its own, on the services that ``environ`` names."""
    arguments = measurement.full if full or measurement.quick is None else measurement.quick
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        lines.touch()
        began, load = time.time(), os.getloadavg()[0]
        code = subprocess.call(
            [sys.executable, "-m", measurement.module, *arguments], env={**environ, record.FILE: str(lines)}
        )
        said = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(time.time() - began, 1),
        "load_before": round(load, 2),
        "arguments": list(arguments),
        "exit_code": code,
        "recorded": said,
    }


def values(runs: Sequence[Run]) -> dict[str, list[float]]:
    """Return what the ``runs`` measured of each asked figure, a value a run; figures no longer asked are left out."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for line in run["recorded"]:
            if line.get("figure") in ASKED:
                found.setdefault(line["figure"], []).append(line["value"])
    return found
