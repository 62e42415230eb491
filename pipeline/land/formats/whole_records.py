"""Records become rows, whatever their values are written in: values, and what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from contract.stream import Stream
from pipeline.columns import stream_schema
from pipeline.land.formats.beside_values import BesideValues
from pipeline.land.formats.checked_rows import checked_rows
from pipeline.land.formats.format import NONE, Chunk, ParsedValues, RejectedRecord, ValueFormat
from pipeline.land.formats.value_format import Schemas, value_format
from pipeline.land.origins import Longs


@dataclass
class WholeRecords:
    """The records of one stream; any number of threads may share it."""

    stream: Stream
    schemas: Schemas | None = None
    values: ValueFormat = field(init=False)
    _beside: BesideValues = field(init=False)

    def __post_init__(self) -> None:
        """Take the stream's format of values."""
        self.values = value_format(self.stream, self.schemas)
        self._beside = BesideValues(self.stream)
        self._names = stream_schema(self.stream).names

    def parse(self, chunk: Chunk) -> ParsedValues:
        """Return the rows, the rejects and what is skipped of ``chunk``. Never raises for what is in it."""
        rejected: list[RejectedRecord] = []
        present, places, skipped = self._with_value(chunk, rejected)
        parsed = self.values.parse(present)
        rejected += [RejectedRecord(int(places[record.index]), record.reason) for record in parsed.rejected]
        rows, indexes = parsed.rows, places[parsed.indexes]
        if self._beside.columns:
            rows, indexes = self._beside.added(rows, indexes, chunk, rejected)
            rows = rows.select(self._names)
        rows, indexes = checked_rows(
            rows, indexes, self.stream.columns, rejected, is_event=self.stream.records.envelope is not None
        )
        rejected.sort(key=lambda record: record.index)
        return ParsedValues(
            rows, indexes, rejected, parsed.ignored_keys,
            strangers=_still_rows(places, parsed.strangers, indexes),
            skipped=np.sort(np.concatenate([skipped, places[parsed.skipped]])),
            deletes=places[parsed.deletes],
        )  # fmt: skip

    def why_no_column(self, value: bytes | None) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        return None if value is None else self.values.why_no_column(value)

    def _with_value(self, chunk: Chunk, rejected: list[RejectedRecord]) -> tuple[Sequence[bytes], Longs, Longs]:
        """Return the values that are looked at, which record each is of, and the tombstones to be skipped."""
        longest, values = self.stream.rejects.max_record_bytes, chunk.values
        # TypeError is a tombstone; the common case is one pass in C.
        with suppress(TypeError):
            present = cast("Sequence[bytes]", values)
            if max(map(len, present), default=0) <= longest:
                return present, np.arange(len(present), dtype=np.int64), NONE
        return self._without_others(chunk, rejected)

    def _without_others(self, chunk: Chunk, rejected: list[RejectedRecord]) -> tuple[Sequence[bytes], Longs, Longs]:
        longest = self.stream.rejects.max_record_bytes
        present: list[bytes] = []
        places: list[int] = []
        skipped: list[int] = []
        for index, value in enumerate(chunk.values):
            if value is None and self.stream.records.skips_tombstones and chunk.keys[index] is not None:
                skipped.append(index)
            elif (reason := self._why_not_looked_at(value, longest)) is not None:
                rejected.append(RejectedRecord(index, reason))
            elif value is not None:
                present.append(value)
                places.append(index)
        return present, np.array(places, dtype=np.int64), np.array(skipped, dtype=np.int64)

    def _why_not_looked_at(self, value: bytes | None, longest: int) -> str | None:
        if value is None and self.stream.records.skips_tombstones:
            return "tombstone: the record has neither key nor value"
        if value is None:
            return "tombstone: the record has no value; `records: {tombstones: skip}` passes it by"
        if len(value) > longest:
            return f"oversized: the value has {len(value)} bytes, {longest} are taken"
        return None


def _still_rows(places: Longs, strangers: tuple[int, ...], indexes: Longs) -> tuple[int, ...]:
    if not strangers:
        return ()
    found = places[list(strangers)]
    return tuple(found[np.isin(found, indexes)].tolist())
