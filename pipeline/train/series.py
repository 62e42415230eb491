"""The series of versions that a command works on, and what it says about each batch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contract.errors import ChainError, ConfigurationError, StreamFileError
from contract.features import most_columns
from contract.sections import Scheme
from contract.series_commands import SeriesCommands
from contract.stream import Stream
from contract.uri import without_credentials
from pipeline.landed_types import LandedColumns, LandedTypes, refuse_changed_types
from pipeline.object_store import ObjectStore
from pipeline.stream_file import load_stream
from pipeline.train.read.batches import SealedBatch, check_parts
from pipeline.train.settings import TrackingSettings
from pipeline.train.train_key import train_key
from pipeline.train.typed import typed_commands

FROM_FILE: Final = "from-file"
FROM_STREAM: Final = "from-stream"
SCHEMES: Final = ("disjoint", "cumulative", FROM_FILE)
# As many as were seen to train. Spark's plans hold several expressions of each, and take minutes for them.
MOST_FEATURES: Final = 1_000


@dataclass(frozen=True)
class Series:
    """The versions that one stream gets under one scheme, and where people look at them."""

    stream: Stream
    scheme: Scheme
    model: str
    tracking_url: str
    serving_url: str
    launcher_run_id: str | None
    commands: SeriesCommands

    @property
    def description(self) -> str:
        """What the registered model says of itself."""
        return f"Batches of stream {self.stream.name}, {self.scheme}: version i is batch i."

    def trained_on(self, batches: Sequence[SealedBatch], number: int) -> tuple[SealedBatch, ...]:
        """Return the batches that version ``number`` is trained on."""
        return tuple(batches[:number] if self.scheme == "cumulative" else batches[number - 1 : number])

    def keys(self, batches: Sequence[SealedBatch]) -> list[str]:
        """Return the train keys of versions 1..n."""
        numbers = range(1, len(batches) + 1)
        return [self.key(self.trained_on(batches, number)) for number in numbers]

    def refuse_changed_types(self, store: ObjectStore, batches: Sequence[SealedBatch], numbers: Iterable[int]) -> None:
        """Check that what versions ``numbers`` are trained on was landed with types that the stream file can read.

        Raises
        ------
        StreamFileError: a column that training reads was not.
        ChainError: an object of the first batch that is read is gone or altered.
        """
        read = {batch.number: batch for number in numbers for batch in self.trained_on(batches, number)}
        types, landed = LandedTypes(store), dict[str, LandedColumns]()
        for place, batch in enumerate(read.values()):
            try:
                landed |= types.of(batch.filled)
            except ChainError:
                # What is gone or altered is told with its batch, when those before it are trained.
                if place > 0:
                    break
                check_parts(store, (batch,))
                raise
        refuse_changed_types(self.stream, self.commands.stream_file, landed, self.stream.read_columns)

    def read_again(self) -> Series:
        """Return the series as the stream file says now; scheme and model stay what they are.

        Raises
        ------
        StreamFileError: the stream file cannot be meant, or is that of another stream by now.
        """
        path = self.commands.stream_file
        stream = _trainable_stream(path)
        if stream.name != self.stream.name:
            raise StreamFileError(
                path, None, f"name: {stream.name}, which was {self.stream.name} at the start; start it again"
            )
        return replace(self, stream=stream, commands=replace(self.commands, stream=stream))

    def key(self, batches: Sequence[SealedBatch]) -> str:
        """Return the train key of a version trained on ``batches``."""
        return train_key(self.stream, self.scheme, [batch.body for batch in batches])


@dataclass(frozen=True)
class Outcome:
    """What became of one batch."""

    batch: int
    said: str
    seconds: float


def open_series(stream_path: str, scheme: str, model: str, tracking: TrackingSettings) -> Series:
    """Return the series that the flags of a command mean, and let go of the launcher's run.

    A child that adopts the run of `mlflow run` would write into the launcher's experiment.

    Raises
    ------
    StreamFileError: the stream file cannot be meant, or has more features than can be trained.
    ConfigurationError: the model's name is none.
    """
    stream = _trainable_stream(stream_path)
    chosen: Scheme = stream.model.scheme
    if scheme != FROM_FILE:
        chosen = "cumulative" if scheme == "cumulative" else "disjoint"
    name = stream.registered_model(chosen) if model == FROM_STREAM else model
    if not is_model_name(name):
        raise ConfigurationError(f"model={name} is no model name: letters, digits, `-` and `_`, 80 at most")
    commands = typed_commands(stream_path, stream, chosen, name)
    launcher = os.environ.pop("MLFLOW_RUN_ID", None) or None
    for variable in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(variable, None)
    serving = without_credentials(os.environ.get("SWATHE_SERVING_URL") or "http://127.0.0.1:18000")
    shown = without_credentials(os.environ.get("SWATHE_MLFLOW_URL") or tracking.uri).rstrip("/")
    return Series(stream, chosen, name, shown, serving, launcher, commands)


def _trainable_stream(path: str) -> Stream:
    stream = load_stream(path)
    width = most_columns(stream.features)
    if width > MOST_FEATURES:
        told = (
            f"{width}"
            if width == len(stream.features)
            else f"{len(stream.features)} become up to {width} columns, which"
        )
        problem = f"features: {told} are more than the {MOST_FEATURES} that can be trained; choose fewer"
        raise StreamFileError(path, None, problem)
    return stream


def is_model_name(text: str) -> bool:
    """Whether ``text`` can name a registered model, a route and a folder of objects."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", text) is not None
