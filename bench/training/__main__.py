"""`python -m bench.training`: `mlflow run .` and `watch` beside MLflow's documentation's own way, in one run."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import record
from bench.peers import python_or_said
from bench.training.batches import Landed, land_flights
from bench.training.measure import Measured, measure, running
from bench.training.versions import when_ready

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
EMPTY = """name: empty
entry_points:
  main:
    command: python -c pass
"""
BATCHES = 3
SMALL_BATCHES, SMALL_ROWS = 12, 200
QUICK_TURNS = 3


class Bench:
    """One run; all that it starts works in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = directory / "log"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environ = {**os.environ, "PATH": path, "TMPDIR": str(directory)}

    def note(self, name: str, measured: Measured) -> Measured:
        """Print and record one measurement."""
        print(
            f"{name:44} {measured.seconds:>7.1f} s {measured.cpu_s:>7.1f} s CPU {measured.peak_mb:>6.0f} MB", flush=True
        )
        record.fact(name, **measured._asdict())
        return measured

    def script(self, file: str, landed: Landed, batches: int, python: str = sys.executable) -> Measured:
        """Run a script once per batch, and return what a batch took."""
        turns = [
            measure([python, str(HERE / file), f"{landed.name}-plain", *landed.parts(n)], self._environ, self._log)
            for n in range(1, batches + 1)
        ]
        seconds, cpu_s = (sum(each) / batches for each in ([t.seconds for t in turns], [t.cpu_s for t in turns]))
        return Measured(seconds, cpu_s, max(t.peak_mb for t in turns))

    def mlflow_run(self, project: Path, *parameters: str) -> Measured:
        """Run `mlflow run`."""
        flags = [word for parameter in parameters for word in ("-P", parameter)]
        return measure(["mlflow", "run", str(project), "--env-manager", "local", *flags], self._environ, self._log)

    def train(self, landed: Landed, batches: int) -> tuple[Measured, list[float]]:
        """Run `mlflow run` for batches that have no version; return also when each version was ready, in seconds."""
        began = time.perf_counter()
        with when_ready(landed.name, batches) as ready:
            measured = self.mlflow_run(ROOT, f"stream={landed.file}")
        return measured, [moment - began for moment in ready]

    def quickest(self, run: Callable[[], Measured]) -> Measured:
        """Return the quickest of some turns."""
        return min(run() for _ in range(QUICK_TURNS))

    def empty_project(self) -> Path:
        """Return a project that does nothing."""
        project = self._directory / "empty"
        project.mkdir(exist_ok=True)
        (project / "MLproject").write_text(EMPTY)
        return project

    def watch(self, landed: Landed, seal: Callable[[], None]) -> float:
        """Return the seconds from a manifest to `state=ready`, once the batches before it are ready."""
        model = f"{landed.name}-watch"
        command = [sys.executable, "-m", "pipeline", "watch", "--stream", str(landed.file), "--model", model]
        with running(command, self._environ, self._log):
            with when_ready(model, BATCHES):
                pass
            began = time.perf_counter()
            with when_ready(model, BATCHES + 1) as ready:
                seal()
            return ready[-1] - began


def main() -> None:
    """Land the flights, measure one contender after the other, tell the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=112_000, help="rows of a batch")
    options.add_argument("--large", type=int, default=1_000_000, help="rows of a batch of the large case")
    options.add_argument("--large-only", action="store_true", help="only the large case, beside nothing")
    options.add_argument(
        "--quick", action="store_true", help="one batch of the plain script, and neither k chosen nor nothing to do"
    )
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        if chosen.large_only:
            _large(bench, land_flights(Path(folder), BATCHES, chosen.large), BATCHES * chosen.large)
            return
        # First, as its first version does not count: in a fresh environment it makes the archive of Spark's classes.
        _small(bench, land_flights(Path(folder), SMALL_BATCHES, SMALL_ROWS))
        landed = land_flights(Path(folder), BATCHES + 1, chosen.rows)
        seal_last = landed.withhold(BATCHES + 1)
        plain = bench.note(
            "plain script, a batch", bench.script("plain_script.py", landed, 1 if chosen.quick else BATCHES)
        )
        _limits(bench, landed, quick=chosen.quick)
        ours, ready = bench.train(landed, BATCHES)
        bench.note("mlflow run . for three batches", ours)
        record.figure("training.of_plain", ours.seconds / (BATCHES * plain.seconds))
        record.figure("training.first_s", ready[0])
        if not chosen.quick:
            _nothing_to_do(bench, f"stream={landed.file}")
            swept = [f"stream={landed.with_k('{from: 2, to: 8}')}", f"model={landed.name}-swept"]
            found = bench.note("mlflow run . with k from 2 to 8", bench.mlflow_run(ROOT, *swept))
            record.figure("training.sweep", found.seconds / ours.seconds)
        watched = bench.watch(landed, seal_last)
        record.fact("one more batch in watch, manifest to ready", seconds=watched)
        record.figure("training.watch_s", watched)
        record.figure("training.watch_of_plain", watched / plain.seconds)


def _limits(bench: Bench, landed: Landed, *, quick: bool) -> None:
    """Measure what the plain script would be without its parts: tracking, and Spark."""
    if python := python_or_said("scikit-learn", HERE / "peers" / "sklearn.txt"):
        bench.note("scikit-learn, a batch", bench.script("sklearn_alone.py", landed, 1, str(python)))
    if not quick:
        bench.note("Spark without tracking, a batch", bench.script("spark_alone.py", landed, 1))


def _nothing_to_do(bench: Bench, stream: str) -> None:
    empty = bench.note("an empty MLproject", bench.quickest(lambda: bench.mlflow_run(bench.empty_project())))
    idle = bench.note("nothing to do", bench.quickest(lambda: bench.mlflow_run(ROOT, stream)))
    record.figure("training.nothing_s", idle.seconds - empty.seconds)


def _small(bench: Bench, landed: Landed) -> None:
    """Tell what a version of few rows takes once the first, which warms up, is ready."""
    found, ready = bench.train(landed, SMALL_BATCHES)
    bench.note(f"{SMALL_BATCHES} batches of {SMALL_ROWS} rows", found)
    record.figure("training.small_s", (ready[-1] - ready[0]) / (SMALL_BATCHES - 1))


def _large(bench: Bench, landed: Landed, rows: int) -> None:
    found, _ = bench.train(landed, BATCHES)
    bench.note(f"mlflow run . for {rows:,} rows", found)
    record.figure("training.large.us", 1e6 * found.seconds / rows)
    record.figure("training.large.mb", found.peak_mb)


if __name__ == "__main__":
    main()
