"""Files that are either whole or not there, and locks between processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from infra.progress import Progress


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, readable by its owner only."""
    with _private(path, text) as temporary:
        temporary.replace(path)


def create_private(path: Path, text: str) -> bool:
    """Create ``path`` with ``text``, readable by its owner only; return False if it was there already."""
    with _private(path, text) as temporary:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
    return True


@contextlib.contextmanager
def _private(path: Path, text: str) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def hold(lock: Path, waiting: str, progress: Progress, *, name: str = "") -> Iterator[None]:
    """Hold the lock file ``lock``; announce ``waiting`` if another process holds it, ``name`` as of a step."""
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        with progress.step(waiting, name=name):
            held.acquire()
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """Give a temporary directory to fill; it becomes ``target`` when the block ends without an error.

    If another process was faster, its ``target`` stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    temporary.mkdir()
    try:
        yield temporary
        with contextlib.suppress(FileExistsError, OSError) if target.exists() else contextlib.nullcontext():
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
