"""The commands of one series that messages tell a person to type; see `contract.remedies`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from contract.remedies import shown
from contract.sections import Scheme
from contract.stream import Stream

LONGEST_NAME: Final = 80


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

    @property
    def has_other_name(self) -> bool:
        """Whether the registered model has another name than the stream gives it."""
        return self.model != self.stream.registered_model(self.scheme)

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
        return shown("mlflow", "run", self.project, "--env-manager", "local", *parameters)


def next_name(model: str) -> str:
    """Return the name of the series that comes after ``model``: `flights`, `flights-2`, `flights-3` …"""
    found = re.fullmatch(r"(.+)-([1-9][0-9]{0,8})", model)
    stem, number = (found[1], int(found[2]) + 1) if found else (model, 2)
    return f"{stem[: LONGEST_NAME - len(str(number)) - 1]}-{number}"
