"""Finds by its train key a version that was trained before the columns of the stream file changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from contract.errors import ChainError
from contract.stream import Stream
from pipeline.landed_types import LandedColumns, LandedTypes
from pipeline.train.read.batches import SealedBatch
from pipeline.train.series import Series
from pipeline.train.train_key import train_key


class EarlierColumns:
    """The columns that the batches of one series were landed with: those that its stream file had at some time."""

    def __init__(self, series: Series, landed: LandedTypes, batches: Sequence[SealedBatch]) -> None:
        self._series, self._landed, self._batches = series, landed, batches

    def __call__(self, batch: int, key: str) -> str | None:
        """Return how the columns differed with which ``batch`` has the train key ``key``; None: another reason."""
        bodies = [sealed.body for sealed in self._series.trained_on(self._batches, batch)]
        for types in self._had:
            stream = as_it_was(self._series.stream, types)
            if stream is not None and train_key(stream, self._series.scheme, bodies) == key:
                return _difference(types, self._series.stream)
        return None

    @cached_property
    def _had(self) -> list[Mapping[str, str]]:
        keys = [key for batch in self._batches for key in batch.filled]
        try:
            found: dict[LandedColumns, None] = dict.fromkeys(self._landed.of(keys).values())
        except ChainError:
            # An object that is gone is told by whoever trains on it.
            return []
        return [dict(columns.types) for columns in found]


def as_it_was(stream: Stream, types: Mapping[str, str]) -> Stream | None:
    """Return ``stream`` with columns of ``types`` only, without features and ids of others; None: it was none then."""
    features = tuple(feature for feature in stream.features if feature.column in types)
    if (stream.features and not features) or any(name not in types for name in stream.model.columns):
        return None
    columns = {
        name: column.model_copy(update={"type": types[name]})
        for name, column in stream.columns.items()
        if name in types
    }
    named = tuple(name for name in stream.id if name in types)
    return stream.model_copy(update={"columns": columns, "features": features, "id": named})


def _difference(types: Mapping[str, str], now: Stream) -> str:
    changed = [name for name in now.trained_columns if types.get(name) != now.columns[name].type]
    return ", ".join(f"{name} was {types.get(name, 'not there')}" for name in changed)
