"""`make lock`: requirements/*.txt from requirements/*.in, and infra/*/jars.lock from infra/*/jars.in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from console.ending import ended
from contract.errors import StopError
from infra import settings
from infra.bring import conda, jars, source_package
from infra.progress import Progress

REQUIREMENTS = settings.ROOT / "requirements"
# Each may be a constraint of the ones after it.
LOCKS = ("uv", "go", "base", "dev")
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
            *(f"{name}.in", "--output-file", f"{name}.txt", *more, *sys.argv[1:]),
        ],
        cwd=REQUIREMENTS,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        check=False,
    )
    if done.returncode != 0:
        raise StopError(f"requirements/{name}.in could not be resolved (uv's words are above)")


def main() -> None:
    """Write every lock, and conda.yaml, which is made from them."""
    progress = Progress()
    for name in LOCKS:
        with progress.step(f"requirements/{name}.txt"):
            compile_requirements(name)
    for listed in sorted(source_package.LOCKS.glob("*.in")):
        with progress.step(f"requirements/sources/{listed.stem}.txt"):
            compile_requirements(f"sources/{listed.stem}", "--no-deps")
    with progress.step("requirements/data-files.txt"):
        compile_requirements("data-files", "--no-deps")
    cache = settings.load().cache
    for listed in sorted(Path(settings.ROOT / "infra").glob("*/jars.in")):
        with progress.step(str(listed.with_suffix(".lock").relative_to(settings.ROOT))):
            jars.write_lock(listed, listed.with_suffix(".lock"), cache)
    conda.write()


if __name__ == "__main__":
    with ended():
        main()
