"""Who is alive: a child that ends with its parent, and a worker whose death others can see at once."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import IO, Final

_LOOK_S: Final = 0.25
# LitServe numbers its workers by this variable.
_WORKER_ID: Final = "LITSERVE_WORKER_ID"

_held: list[IO[bytes]] = []


def watch_parent() -> None:
    """End this process soon after its parent was killed, so that nothing is orphaned."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        # Not sys.exit: this is a thread, and there is nobody left to drain for.
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def lock_path(directory: Path, worker: int) -> Path:
    """Return the file that a worker holds locked while it lives."""
    return directory / f"worker-{worker}.lock"


def forget(directory: Path) -> None:
    """Forget the workers of an earlier server, before there are any of this one."""
    for file in directory.glob("worker-*.lock"):
        file.unlink(missing_ok=True)


def hold(directory: Path) -> None:
    """Hold this worker's lock until the process ends, however it ends."""
    file = lock_path(directory, int(os.environ[_WORKER_ID])).open("ab")
    fcntl.flock(file, fcntl.LOCK_EX)
    # What tells a worker that ended from one that has not begun.
    file.write(b".")
    file.flush()
    _held.append(file)


def is_dead(directory: Path, worker: int) -> bool:
    """Return whether the worker has begun and nobody holds its lock: it was killed."""
    with lock_path(directory, worker).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return os.fstat(file.fileno()).st_size > 0
