"""A package whose files a stream file takes as its `source`: pinned by a lock of its own, and in no set-up."""

from __future__ import annotations

import os
import sys

from contract.errors import ConfigurationError
from infra.progress import Progress, run
from infra.settings import ROOT

LOCKS = ROOT / "requirements" / "sources"


def locked() -> list[str]:
    """Return the packages that can be installed."""
    return sorted(lock.stem for lock in LOCKS.glob("*.txt"))


def install(package: str, progress: Progress) -> None:
    """Install ``package`` into this Python environment, without what it depends on: only its files are read.

    Raises
    ------
    ConfigurationError: there is no lock for it.
    StopError: it could not be downloaded or installed.
    """
    if package not in locked():
        raise ConfigurationError(
            f"there is no lock for package {package!r} (only for {', '.join(locked())}): install it into "
            f"{sys.prefix} as any other package, or give `replay` the file itself with --file"
        )
    with progress.step(f"package {package}, without what it depends on") as step:
        run(
            [
                *(sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--require-hashes"),
                *("--no-deps", "--only-binary", ":all:", "-r", str(LOCKS / f"{package}.txt")),
            ],
            env=os.environ,
            say=step.say,
            failure=f"{package} could not be installed into {sys.prefix}. Check the network, then run again",
        )
