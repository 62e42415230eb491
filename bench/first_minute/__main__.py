"""`python -m bench.first_minute`: `make demo` with nothing and with all cached, `make test` beside a commit before."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench import record
from bench.before.checkout import ROOT, earlier
from bench.services import free_ports

# The last one before people's waiting was looked at.
BEFORE = "225d6cd"
# It fails where a checkout lies under the home directory, as the bench's do.
NOT_THERE = "tests/unit/contract/test_documentation.py::test_defaults_are_told_as_they_are"
# Found on a machine, they save what is measured.
SAVING = ("minio", "go")


def main() -> None:
    """Clone what is committed and walk the demo twice; then time the tests of both commits."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--commit", default=BEFORE, help="the other side of the tests")
    options.add_argument("--only", choices=("demo", "tests"), help="one of the two")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="swathe-bench-") as folder:
        if chosen.only != "tests":
            _demo(Path(folder))
    if chosen.only != "demo":
        other = earlier(chosen.commit).root
        deselected = dict(os.environ) | {"PYTEST": f"--deselect {NOT_THERE}"}
        # A test of the old commit that fails shortens nothing: all the others run as well.
        (before, _), (now, failed) = (_tests(root, deselected) for root in (other, ROOT))
        record.fact("make test", before_s=before, now_s=now)
        if failed:
            raise SystemExit(f"tests of this commit failed after {now:.0f} s ({before:.0f} before); see above")
        record.figure("first_minute.tests.seconds", now / before)


def _demo(folder: Path) -> None:
    clone, environ = folder / "clone", bare_environment(os.environ, folder)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    try:
        record.figure("first_minute.cold_s", _seconds("demo", clone, environ))
        _seconds("down", clone, environ)
        shutil.rmtree(environ["SWATHE_DATA"])
        record.figure("first_minute.cached_s", _seconds("demo", clone, environ))
    finally:
        _seconds("down", clone, environ)


def bare_environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return ``environ`` with empty caches, ports and data of its own, and a PATH on which nothing saves work.

    Java stays, as most machines have one; so does what says where registries are.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("SWATHE_") and name != "MINIO_BIN"}
    caches = {
        name: str(folder / "caches" / name)
        for name in ("SWATHE_CACHE", "UV_CACHE_DIR", "PIP_CACHE_DIR", "GOPATH", "GOMODCACHE", "GOCACHE")
    }
    # A folder that holds the machine's shell too cannot be done without.
    path = [
        each
        for each in environ["PATH"].split(os.pathsep)
        if shutil.which("sh", path=each) or not any(shutil.which(program, path=each) for program in SAVING)
    ]
    return kept | caches | free_ports() | {"SWATHE_DATA": str(folder / "data"), "PATH": os.pathsep.join(path)}


def _tests(clone: Path, environ: Mapping[str, str]) -> tuple[float, bool]:
    """Return the seconds of `make test` with its caches warm, and whether a test failed."""
    subprocess.run(["make", "setup"], cwd=clone, env=dict(environ), check=True, stdin=subprocess.DEVNULL)
    return _timed("test", clone, environ)


def _seconds(target: str, clone: Path, environ: Mapping[str, str]) -> float:
    """Return what `make` takes.

    Raises
    ------
    SystemExit: it failed.
    """
    seconds, failed = _timed(target, clone, environ)
    if failed:
        raise SystemExit(f"make {target} failed; its words are above")
    return seconds


def _timed(target: str, clone: Path, environ: Mapping[str, str]) -> tuple[float, bool]:
    began = time.perf_counter()
    done = subprocess.run(["make", target], cwd=clone, env=dict(environ), check=False, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began, done.returncode != 0


if __name__ == "__main__":
    main()
