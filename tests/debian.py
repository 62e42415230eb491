"""Programs of the system that only tests need: root installs Debian's packages, anybody else is told their names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

# Another process of tests may be installing too.
_INSTALL = ("apt-get", "install", "--yes", "--quiet", "-o", "DPkg::Lock::Timeout=300")
_TIMEOUT_S = 600.0


def program(find: Callable[[], Path | None], package: str) -> Path:
    """Return what ``find`` finds, after the installation of ``package`` if it finds nothing."""
    found = find()
    if found is None and os.geteuid() == 0:
        for command in (("apt-get", "update", "--quiet"), (*_INSTALL, package)):
            done = subprocess.run(command, timeout=_TIMEOUT_S, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        found = find()
    assert found is not None, f"{package} is not installed; on Debian: apt-get install {package}"
    return found
