"""Apicurio Registry: brought, and how it is started."""

from __future__ import annotations

import tarfile
from pathlib import Path

from infra.bring import jars
from infra.files import whole_directory

LOCK = Path(__file__).parent / "apicurio.lock"
OLDEST_JAVA = 21
API = "/apis/ccompat/v7"
"""Where it speaks Confluent's protocol."""


def bring(cache: Path) -> Path:
    """Return the directory in which the registry lies, downloaded, checked and unpacked if need be.

    Raises
    ------
    StopError: it cannot be had, or is not what was locked.
    """
    packed = jars.bring(LOCK, cache)
    target = packed.with_name(f"{packed.name}-unpacked")
    if not target.exists():
        with whole_directory(target) as temporary, tarfile.open(next(packed.glob("*.tar.gz"))) as archive:
            # An attribute, not an argument: Python 3.11 takes that one from 3.11.4 on only.
            archive.extraction_filter = getattr(tarfile, "tar_filter", None)
            archive.extractall(temporary)  # noqa: S202 (its checksum is the pinned one)
    return target


def command(directory: Path, java_home: Path) -> list[str]:
    """Return what runs the registry in ``directory``, which keeps its schemas in memory."""
    return [str(java_home / "bin" / "java"), "-Xmx512m", "-jar", str(directory / "quarkus-run.jar")]


def environment(host: str, port: int) -> dict[str, str]:
    """Return what makes it listen at ``host``: at ``port``, and for who watches it at any that is free."""
    told = {"HTTP_PORT": port, "MANAGEMENT_PORT": 0, "HTTP_HOST": host, "MANAGEMENT_HOST": host}
    return {f"QUARKUS_{name}": str(value) for name, value in told.items()}
