"""The process that started this one. `mlflow run` does not pass SIGTERM on, so its child has to look for itself."""

from __future__ import annotations

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

    def is_gone(self) -> bool:
        """Whether one of them has ended."""
        return not all(_lives(process) for process in self._processes)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
