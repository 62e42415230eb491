"""The series of versions that a command works on, and what it says about each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.stream import Scheme, Stream
from pipeline.train.batches import SealedBatch
from pipeline.train.train_key import train_key


@dataclass(frozen=True)
class Series:
    """The versions that one stream gets under one scheme, and where people look at them."""

    stream: Stream
    scheme: Scheme
    model: str
    tracking_url: str
    serving_url: str
    launcher_run_id: str | None

    def trained_on(self, batches: Sequence[SealedBatch], number: int) -> tuple[SealedBatch, ...]:
        """Return the batches that version ``number`` is trained on."""
        return tuple(batches[:number] if self.scheme == "cumulative" else batches[number - 1 : number])

    def keys(self, batches: Sequence[SealedBatch]) -> list[str]:
        """Return the train keys of versions 1..n."""
        numbers = range(1, len(batches) + 1)
        return [self.key(self.trained_on(batches, number)) for number in numbers]

    def key(self, batches: Sequence[SealedBatch]) -> str:
        """Return the train key of a version trained on ``batches``."""
        return train_key(self.stream, self.scheme, [batch.body for batch in batches])


@dataclass(frozen=True)
class Outcome:
    """What became of one batch."""

    batch: int
    said: str
    seconds: float
