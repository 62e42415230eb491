"""`make lock`: requirements/*.txt from requirements/*.in, and infra/*/jars.lock from infra/*/jars.in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from console.commands import Command
from console.ending import run
from contract.errors import StopError
from infra import settings
from infra.bring import conda, jars, source_package
from infra.progress import Progress

REQUIREMENTS = settings.ROOT / "requirements"
# Each may be a constraint of the ones after it.
LOCKS = ("uv", "go", "base", "setup", "dev")
# Oldest supported Python: the lock holds for it and for all newer ones.
_PYTHON = "3.11"


def compile_requirements(name: str, *more: str) -> None:
    """Resolve ``requirements/<name>.in`` for every platform and write it with hashes; ``more`` are uv's own flags.

    Raises
    ------
    StopError: there is no solution, or the network is down; uv's own words are printed.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", _PYTHON),
            # Without hosts: which mirror this was made with is nobody else's business.
            *("--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
            *(f"{name}.in", "--output-file", f"{name}.txt", *more),
        ],
        cwd=REQUIREMENTS,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        check=False,
    )
    if done.returncode != 0:
        raise StopError(f"requirements/{name}.in could not be resolved (uv's words are above)")


@click.command(cls=Command, examples=["", "--upgrade", "--upgrade-package click"])
@click.option("--upgrade", is_flag=True, help="Take the newest versions; by default what is locked stays.")
@click.option("--upgrade-package", "packages", multiple=True, help="Take the newest version of this one. Repeatable.")
def main(packages: tuple[str, ...], *, upgrade: bool) -> None:
    """Resolve requirements/*.in and infra/*/jars.in anew: every lock, and conda.yaml, which is made from them."""
    progress = Progress()
    newer = [*(["--upgrade"] if upgrade else []), *(f"--upgrade-package={package}" for package in packages)]
    for name in LOCKS:
        with progress.step(f"requirements/{name}.txt"):
            compile_requirements(name, *newer)
    for listed in sorted(source_package.LOCKS.glob("*.in")):
        with progress.step(f"requirements/sources/{listed.stem}.txt"):
            compile_requirements(f"sources/{listed.stem}", "--no-deps", *newer)
    with progress.step("requirements/data-files.txt"):
        compile_requirements("data-files", "--no-deps", *newer)
    cache = settings.load().cache
    for listed in sorted(Path(settings.ROOT / "infra").glob("*/jars.in")):
        with progress.step(str(listed.with_suffix(".lock").relative_to(settings.ROOT))):
            jars.write_lock(listed, listed.with_suffix(".lock"), cache)
    conda.write()


if __name__ == "__main__":
    run(main, prog_name="python -m infra.bring.lock")
