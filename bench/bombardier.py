"""The load generator, bombardier, built by Go from its pinned source into the cache.

Of what registries have, it is the lightest that keeps connections open, sends a body and tells percentiles; Go is
brought for MinIO anyway.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from contract.errors import StopError
from infra.bring.golang import toolchain
from infra.files import hold
from infra.progress import Progress, run
from infra.settings import Settings

VERSION = "v1.2.6"
# The Go checksum database's hash of that source, as `go version -m` reads it back from the binary.
SOURCE_HASH = "h1:NYLeXFTuICfisqkjtyZqBDEzgTSIx3ox1UgJHdkAIjQ="
OLDEST_GO = (1, 18)


def binary() -> Path:
    """Return the program, built the first time.

    Raises
    ------
    StopError: it could not be built, or was built from other source.
    """
    cache, progress = Settings().cache, Progress()
    target = cache / "bench" / f"bombardier-{VERSION}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with hold(target.with_suffix(".lock"), "Waiting for another who builds bombardier", progress):
        if not target.exists():
            _build(target, cache, progress)
    return target


def _build(target: Path, cache: Path, progress: Progress) -> None:
    go = toolchain(cache, OLDEST_GO, progress)
    work = target.with_name(f".{secrets.token_hex(8)}")
    try:
        with progress.step("bombardier, the load generator, built from source") as step:
            run(
                [str(go.binary), "install", "-v", "-trimpath", f"github.com/codesenberg/bombardier@{VERSION}"],
                env={**go.environment, "GOBIN": str(work), "CGO_ENABLED": "0"},
                say=step.say,
                failure="bombardier could not be built. Check the network, then run the same command again",
            )
        said = subprocess.run(
            [go.binary, "version", "-m", work / "bombardier"], env=go.environment, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip
        if SOURCE_HASH not in said:
            raise StopError(f"bombardier was built from other source than the pinned one ({SOURCE_HASH})")
        (work / "bombardier").replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def environment() -> dict[str, str]:
    """Return what it runs in: one core at most, as the server that it loads has the other."""
    return {**os.environ, "GOMAXPROCS": "1"}
