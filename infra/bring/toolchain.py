"""All that the services and Spark need beside the Python environment: found on this machine, or brought."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigurationError
from infra.bring import jars, java, minio
from infra.files import hold
from infra.progress import Progress
from infra.settings import ROOT, Settings

KAFKA_LOCK = ROOT / "infra" / "kafka" / "jars.lock"
SPARK_LOCK = ROOT / "infra" / "spark" / "jars.lock"


@dataclass(frozen=True)
class Toolchain:
    """Where each part is. ``minio`` builds it first if need be, which takes minutes: it raises as `bring` does."""

    java_home: Path
    kafka_jars: Path
    spark_jars: tuple[Path, ...]
    minio: Callable[[], Path]


def bring(settings: Settings, progress: Progress) -> Toolchain:
    """Return the toolchain; what is missing, but for MinIO, is downloaded first, into the cache.

    Raises
    ------
    StopError: something could not be brought; the message says what, and what to do.
    """
    try:
        settings.cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the cache {settings.cache} cannot be made ({error.strerror}); set SWATHE_CACHE to a directory of yours"
        ) from error
    minio.find(settings.cache)  # a MINIO_BIN that is none is told before anything is brought
    # Two set-ups at the same time share the work: the second one waits, and finds it done.
    with hold(settings.cache / "setup.lock", f"Waiting for another setup in {settings.cache}", progress, name="jars"):
        return Toolchain(
            java_home=java.home(settings.cache, progress),
            kafka_jars=_jars("Kafka's jars", KAFKA_LOCK, settings, progress),
            spark_jars=_files(_jars("Spark's jars for s3a://", SPARK_LOCK, settings, progress)),
            minio=functools.partial(bring_minio, settings, progress),
        )


def bring_minio(settings: Settings, progress: Progress) -> Path:
    """Return the MinIO server, built first if need be.

    Raises
    ------
    StopError: as `bring`.
    """
    found = minio.find(settings.cache)
    if found is not None:
        return found
    with hold(settings.cache / "minio.lock", "Waiting for MinIO, which is being built", progress, name="MinIO"):
        return minio.binary(settings.cache, progress)


def _jars(what: str, lock: Path, settings: Settings, progress: Progress) -> Path:
    if jars.directory(lock, settings.cache).exists():
        return jars.bring(lock, settings.cache)
    with progress.step(what, total=len(jars.read_lock(lock)), unit="jars", name="jars") as step:
        return jars.bring(lock, settings.cache, step.advance)


def spark_jars(settings: Settings) -> tuple[Path, ...]:
    """Return the jars that Spark needs for s3a://, or nothing if they were not brought yet."""
    directory = jars.directory(SPARK_LOCK, settings.cache)
    return _files(directory) if directory.exists() else ()


def _files(directory: Path) -> tuple[Path, ...]:
    return tuple(sorted(directory.glob("*.jar")))
