"""`python -m bench.recommending`: three cumulative batches of MovieLens beside a plain script, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import click

from bench import record
from bench.training.batches import Landed
from bench.training.measure import Measured, measure
from console.commands import Command
from console.ending import run
from pipeline.object_store import ObjectStore
from pipeline.settings import store_settings

ROOT = Path(__file__).resolve().parents[2]
PLAIN = Path(__file__).parent / "plain_script.py"
STREAM = ROOT / "streams" / "movielens.yaml"
BATCHES = 3


def land_ratings(directory: Path) -> Landed:
    """Send the ratings to a topic of their own and land them as three batches."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    file = directory / f"{name}.yaml"
    file.write_text(STREAM.read_text().replace(": movielens\n", f": {name}\n"))
    commands = (
        ["infra", "install", "recbole"],
        ["pipeline", "replay", "--stream", str(file)],
        ["pipeline", "land", "--stream", str(file), "--exit-when-idle", "2s"],
    )
    for command in commands:
        subprocess.run([sys.executable, "-m", *command], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return Landed(name, file, ObjectStore(store_settings()))


@click.command(cls=Command, examples=[""])
def main() -> None:
    """Land the ratings of films, whose package is installed, measure one after the other, tell their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ, log = {**os.environ, "PATH": path, "TMPDIR": folder}, directory / "log"
        landed = land_ratings(directory)
        turns = []
        for number in range(1, BATCHES + 1):
            parts = [part for batch in range(1, number + 1) for part in landed.parts(batch)]
            turns.append(measure([sys.executable, str(PLAIN), f"{landed.name}-plain", *parts], environ, log))
        plain = Measured(sum(t.seconds for t in turns), sum(t.cpu_s for t in turns), max(t.peak_mb for t in turns))
        command = ["mlflow", "run", str(ROOT), "--env-manager", "local", "-P", f"stream={landed.file}"]
        ours = measure(command, environ, log)
    for name, found in (("plain script, once per batch", plain), ("mlflow run . for three batches", ours)):
        print(f"{name:44} {found.seconds:>7.1f} s {found.cpu_s:>7.1f} s CPU {found.peak_mb:>6.0f} MB")
        record.fact(f"MovieLens: {name}", **found._asdict())
    record.figure("recommending.of_plain", ours.seconds / plain.seconds)


if __name__ == "__main__":
    run(main, prog_name="python -m bench.recommending")
