"""The MinIO server binary: yours, or built from its pinned source.

The project publishes source only since 2025; `go install` is its own documented way.
"""

from __future__ import annotations

import functools
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from console.progress import Step
from contract.errors import ConfigurationError, StopError
from infra.bring.golang import Go, toolchain
from infra.progress import Progress, run

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
# The Go checksum database's hash of that source, as `go version -m` reads it back from the binary.
SOURCE_HASH = "h1:/qdoYujxF5MBLDMVLeiYJ/7fBa1HikX39Dvzb9Ji8pA="
OLDEST_GO = (1, 24)
# Conditional PUTs, plain and multipart, are what landing stands on; older releases were never tried.
OLDEST_RELEASE = "2025-01-01"


def binary(cache: Path, progress: Progress, environ: Mapping[str, str] = os.environ) -> Path:
    """Return a MinIO that runs here: MINIO_BIN, `minio` on PATH, the cache, else built into the cache.

    Raises
    ------
    StopError: MINIO_BIN is no usable MinIO, or the build failed.
    """
    found = find(cache, environ)
    return found if found is not None else _build(cache, progress, environ)


def find(cache: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return a MinIO that is there already, or None.

    Raises
    ------
    ConfigurationError: MINIO_BIN is set, and is no usable MinIO.
    """
    chosen = environ.get("MINIO_BIN")
    if chosen:
        complaint = _complaint(Path(chosen))
        if complaint:
            raise ConfigurationError(f"MINIO_BIN={chosen}: {complaint}. Unset it to have MinIO brought.")
        return Path(chosen).absolute()
    on_path = shutil.which("minio", path=environ.get("PATH", ""))
    if on_path and _complaint(Path(on_path)) is None:
        return Path(on_path)
    built = _target(cache)
    return built if built.exists() and _complaint(built) is None else None


def _complaint(minio: Path) -> str | None:
    try:
        answer = subprocess.run([minio, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"it does not run ({error})"
    if "minio version" not in answer.lower():
        return "its --version is not MinIO's"
    release = re.search(r"RELEASE\.(\d{4}-\d{2}-\d{2})", answer)
    if release and release[1] < OLDEST_RELEASE:
        return f"its release of {release[1]} is older than {OLDEST_RELEASE}"
    return None


def _target(cache: Path) -> Path:
    return cache / f"minio-{VERSION.rsplit('-', 1)[-1]}" / "minio"


def _build(cache: Path, progress: Progress, environ: Mapping[str, str]) -> Path:
    go = toolchain(cache, OLDEST_GO, progress, environ)
    target = _target(cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.parent / f".{secrets.token_hex(8)}"
    try:
        with progress.step(
            "MinIO, built from source (about 4 minutes on 2 cores, once)", unit="packages", name="MinIO"
        ) as step:
            run(
                [
                    *(str(go.binary), "install", "-v", "-trimpath", "-ldflags", "-s -w"),
                    f"github.com/minio/minio@{VERSION}",
                ],
                env={**go.environment, "GOBIN": str(work), "CGO_ENABLED": "0"},
                say=functools.partial(_compiled, step),
                failure="MinIO could not be built. Check the network and the disk's free space, then run the same "
                "command again (it goes on where it was), or set MINIO_BIN to a MinIO of your own",
            )
        _check_source(go, work / "minio")
        (work / "minio").replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _compiled(step: Step, package: str) -> None:
    """Count what `go install -v` names: a package a line."""
    step.say(package)
    step.advance()


def _check_source(go: Go, built: Path) -> None:
    said = subprocess.run(
        [go.binary, "version", "-m", built], env=dict(go.environment), capture_output=True, text=True, check=True
    ).stdout
    if SOURCE_HASH not in said:
        raise StopError(f"MinIO was built from other source than the pinned one ({SOURCE_HASH}); it was not installed.")
