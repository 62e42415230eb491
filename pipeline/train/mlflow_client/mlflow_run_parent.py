"""The process that started this one. `mlflow run` does not pass SIGTERM on, so its child has to look for itself."""

from __future__ import annotations

from pathlib import Path

import psutil

_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})


class Launcher:
    """The parent of this process at the time of the call and, where that is a shell, what started the shell."""

    def __init__(self) -> None:
        self._processes: list[psutil.Process] = []
        process = psutil.Process().parent()
        while process is not None:
            self._processes.append(process)
            if process.name() not in _SHELLS:
                break
            process = process.parent()

    def directory(self) -> Path | None:
        """Return the directory it works in, which is where the person is; None where that cannot be seen."""
        try:
            return Path(self._processes[-1].cwd()) if self._processes else None
        except psutil.Error:
            return None

    def is_gone(self) -> bool:
        """Whether one of them has ended."""
        return not all(_lives(process) for process in self._processes)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
