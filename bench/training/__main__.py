"""`python -m bench.training`: `mlflow run .` and `watch` beside MLflow's documentation's own way, in one run."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.training.batches import Landed, land_flights
from bench.training.measure import Measured, measure, running
from contract.model_version import TAG_STATE
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.settings import tracking_settings

ROOT = Path(__file__).resolve().parents[2]
PLAIN = Path(__file__).parent / "plain_script.py"
EMPTY = """name: empty
entry_points:
  main:
    command: python -c pass
"""
BATCHES = 3
QUICK_TURNS = 3
READY_S = 300.0


class Bench:
    """One run: what was measured, by name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = directory / "log"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environ = {**os.environ, "PATH": path, "TMPDIR": str(directory)}
        self.found: dict[str, Measured] = {}

    def note(self, name: str, measured: Measured) -> None:
        """Keep and print one measurement."""
        self.found[name] = measured
        print(
            f"{name:44} {measured.seconds:>7.1f} s {measured.cpu_s:>7.1f} s CPU {measured.peak_mb:>6.0f} MB", flush=True
        )

    def plain(self, landed: Landed) -> Measured:
        """Run the plain script once per batch."""
        turns = [
            measure([sys.executable, str(PLAIN), f"{landed.name}-plain", *landed.parts(n)], self._environ, self._log)
            for n in range(1, BATCHES + 1)
        ]
        return Measured(sum(t.seconds for t in turns), sum(t.cpu_s for t in turns), max(t.peak_mb for t in turns))

    def mlflow_run(self, project: Path, *parameters: str) -> Measured:
        """Run `mlflow run`."""
        flags = [word for parameter in parameters for word in ("-P", parameter)]
        return measure(["mlflow", "run", str(project), "--env-manager", "local", *flags], self._environ, self._log)

    def quickest(self, run: Callable[[], Measured]) -> Measured:
        """Return the quickest of some turns."""
        return min(run() for _ in range(QUICK_TURNS))

    def empty_project(self) -> Path:
        """Return a project that does nothing."""
        project = self._directory / "empty"
        project.mkdir(exist_ok=True)
        (project / "MLproject").write_text(EMPTY)
        return project

    def watch(self, landed: Landed, seal: Callable[[], None]) -> Measured:
        """Return the time from a manifest to `state=ready`, once the batches before it are ready."""
        model = f"{landed.name}-watch"
        registry = Registry(tracking_settings(), model)
        command = [sys.executable, "-m", "pipeline", "watch", "--stream", str(landed.file), "--model", model]
        with running(command, self._environ, self._log):
            _wait_ready(registry, BATCHES)
            begin = time.perf_counter()
            seal()
            _wait_ready(registry, BATCHES + 1)
            return Measured(time.perf_counter() - begin, 0.0, 0.0)


def _wait_ready(registry: Registry, number: int) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        version = registry.versions().get(number)
        if version is not None and TAG_STATE in version.tags:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"version {number} of {registry.model} did not become ready within {READY_S:g} s")
        time.sleep(0.1)


def main() -> None:
    """Land the flights, measure one contender after the other, print the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=112_000, help="rows of a batch")
    options.add_argument("--large", type=int, default=1_000_000, help="rows of a batch of the large case")
    options.add_argument("--without-large", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        bench = Bench(directory)
        landed = land_flights(directory, BATCHES + 1, chosen.rows)
        seal_last = landed.withhold(BATCHES + 1)
        bench.note("plain script, once per batch", bench.plain(landed))
        stream = f"stream={landed.file}"
        bench.note("mlflow run . for three batches", bench.mlflow_run(ROOT, stream))
        bench.note("an empty MLproject", bench.quickest(lambda: bench.mlflow_run(bench.empty_project())))
        bench.note("nothing to do", bench.quickest(lambda: bench.mlflow_run(ROOT, stream)))
        swept = landed.with_k("{from: 2, to: 8}")
        bench.note(
            "mlflow run . with k from 2 to 8",
            bench.mlflow_run(ROOT, f"stream={swept}", f"model={landed.name}-swept"),
        )
        bench.note("one more batch in watch, manifest to ready", bench.watch(landed, seal_last))
        if not chosen.without_large:
            large = land_flights(directory, BATCHES, chosen.large)
            bench.note("mlflow run . for the large batches", bench.mlflow_run(ROOT, f"stream={large.file}"))
        _print_ratios(bench.found, chosen.rows, chosen.large)


def _print_ratios(found: dict[str, Measured], rows: int, large: int) -> None:
    plain, ours = found["plain script, once per batch"], found["mlflow run . for three batches"]
    swept, watched = found["mlflow run . with k from 2 to 8"], found["one more batch in watch, manifest to ready"]
    idle, empty = found["nothing to do"], found["an empty MLproject"]
    print(f"\nmlflow run . : plain script = 1/{plain.seconds / ours.seconds:.1f}")
    print(f"one more batch in watch : plain script = 1/{plain.seconds / BATCHES / watched.seconds:.1f}")
    print(f"k from 2 to 8 : fixed k = {swept.seconds / ours.seconds:.2f} x")
    print(f"nothing to do − an empty MLproject = {idle.seconds - empty.seconds:.1f} s")
    if big := found.get("mlflow run . for the large batches"):
        mine, theirs = 1e6 * big.seconds / (BATCHES * large), 1e6 * ours.seconds / (BATCHES * rows)
        print(f"{BATCHES * large:,} rows : {BATCHES * rows:,} rows = {mine:.0f} : {theirs:.0f} µs a row")


if __name__ == "__main__":
    main()
