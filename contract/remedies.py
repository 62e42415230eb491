"""Every command that a message tells a person to type. What is printed is whole, so that it can be typed as it stands.

Nothing else spells one out: a test reads the sources for that, and runs each of these.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from contract.stream import Scheme, Stream

_LONGEST_NAME = 80


def start_services() -> str:
    """Return what starts the services."""
    return "`python -m infra up` (or `make up`)"


def stop_services() -> str:
    """Return what stops the services."""
    return _shown("python", "-m", "infra", "down")


def service_log(service: str) -> str:
    """Return what shows the last lines that a service wrote."""
    return _shown("python", "-m", "infra", "logs", service)


def set_environment() -> str:
    """Return what points a shell to the running services."""
    return '`eval "$(python -m infra env)"`'


def restore(model: str) -> str:
    """Return what makes a series whole again whose registry was edited."""
    return _shown("python", "-m", "pipeline", "restore", model)


@dataclass(frozen=True)
class SeriesCommands:
    """The commands of one series: a stream under one scheme, in one registered model.

    ``project`` and ``stream_file`` are as they can be typed where the person is.
    """

    project: str
    stream_file: str
    stream: Stream
    scheme: Scheme
    model: str

    def train(self, batch: int | str = "pending") -> str:
        """Return what trains ``batch`` into this series."""
        return self._run(self.model, "" if batch == "pending" else f"batch={batch}")

    def train_waiting(self, wait_s: float) -> str:
        """Return what waits longer for another trainer."""
        return self._run(self.model, f"wait_s={wait_s:g}")

    def train_anew(self) -> str:
        """Return what trains all batches into a series of another name."""
        return self._run(next_name(self.model), "batch=all")

    def train_own(self) -> str:
        """Return what trains the stream into the series that has its own name."""
        return self._run(self.stream.registered_model(self.scheme))

    def _run(self, model: str, *more: str) -> str:
        given = [f"stream={self.stream_file}"]
        if self.scheme != self.stream.model.scheme:
            given.append(f"scheme={self.scheme}")
        if model != self.stream.registered_model(self.scheme):
            given.append(f"model={model}")
        parameters = [word for each in (*given, *filter(None, more)) for word in ("-P", each)]
        return _shown("mlflow", "run", self.project, "--env-manager", "local", *parameters)


def next_name(model: str) -> str:
    """Return the name of the series that comes after ``model``: `flights`, `flights-2`, `flights-3` …"""
    found = re.fullmatch(r"(.+)-([1-9][0-9]{0,8})", model)
    stem, number = (found[1], int(found[2]) + 1) if found else (model, 2)
    return f"{stem[: _LONGEST_NAME - len(str(number)) - 1]}-{number}"


def _shown(*words: str) -> str:
    return f"`{shlex.join(words)}`"
