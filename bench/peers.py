"""Peers in environments of their own, locked with hashes: each is what its makers ship, and no part of the line.

`python -m bench.peers` resolves every `peers/*.in` below `bench/` anew.
"""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import Path

import click

from bench import record
from console.commands import Command
from console.ending import run
from contract.errors import StopError
from infra.bring.jars import write_lock
from infra.bring.lock import REQUIREMENTS, compile_requirements
from infra.files import hold
from infra.progress import Progress
from infra.progress import run as run_program
from infra.settings import Settings

BENCH = Path(__file__).parent


def python(lock: Path) -> Path:
    """Return the Python of an environment of exactly what ``lock`` names; it is made the first time, in the cache.

    Raises
    ------
    StopError: it cannot be had here.
    """
    name, cache, progress = lock.stem, Settings().cache / "bench", Progress()
    made = cache / f"{name}-{sha256(lock.read_bytes()).hexdigest()[:12]}"
    # Made where it stays, as its scripts name their Python by its whole path; so something must say that it is whole.
    whole, found = made / "whole", made / "bin" / "python"
    cache.mkdir(parents=True, exist_ok=True)
    with hold(cache / f"{name}.lock", f"Waiting for another who brings {name}", progress):
        if not whole.exists():
            with progress.step(f"{name}, measured beside the line") as step:
                for arguments in (
                    ["venv", "--clear", "--python", sys.executable, str(made)],
                    ["pip", "install", "--python", str(found), "--require-hashes", "-r", str(lock)],
                ):
                    run_program(
                        [sys.executable, "-m", "uv", *arguments],
                        env={key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"},
                        say=step.say,
                        failure=f"{name} could not be installed",
                    )
            whole.touch()
    return found


def python_or_said(what: str, lock: Path) -> Path | None:
    """Return the same; where ``what`` cannot be had, say and record it, and return None."""
    try:
        return python(lock)
    except StopError as error:
        record.missing(what, " ".join(str(error).split()))
        return None


@click.command(cls=Command, examples=["", "--upgrade"])
@click.option("--upgrade", is_flag=True, help="Take the newest versions; by default what is locked stays.")
def main(*, upgrade: bool) -> None:
    """Resolve the requirements of every peer anew, Python's and Maven's."""
    for listed in sorted(BENCH.glob("*/peers/*.in")):
        compile_requirements(os.path.relpath(listed.with_suffix(""), REQUIREMENTS), *(["--upgrade"] if upgrade else []))
    for jars in sorted(BENCH.glob("*/*/jars.in")):
        write_lock(jars, jars.with_suffix(".lock"), Settings().cache)


if __name__ == "__main__":
    run(main, prog_name="python -m bench.peers")
