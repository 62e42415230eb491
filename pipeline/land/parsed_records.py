"""The parsed records of one lane between two offsets: rows, rejects and gaps, which a cut can divide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from contract.batch import KEY, OFFSET, PARTITION, TIMESTAMP
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.formats.format import NONE
from pipeline.land.origins import NO_ORIGINS, Longs, Origins
from pipeline.land.reject import Reject
from pipeline.record_headers import UNREADABLE, Headers


@dataclass(frozen=True)
class ParsedRecords:
    """Offsets ``first_offset`` ≤ o < ``next_offset`` of a lane.

    ``offsets``, ``timestamps_ms``, ``clock_ms`` and ``value_bytes`` have one entry for each of ``rows``; ``clock_ms``
    is the lane's clock behind it, which is before the row's timestamp where that is ahead. ``gaps`` are the
    ranges [from, to) of offsets that hold no record at all.
    """

    rows: pa.Table
    offsets: Longs
    timestamps_ms: Longs
    clock_ms: Longs
    value_bytes: Longs
    rejects: tuple[Reject, ...]
    gaps: tuple[tuple[int, int], ...]
    first_offset: int
    next_offset: int
    ignored_keys: int = 0
    origins: Origins = NO_ORIGINS
    strangers: tuple[Reject, ...] = ()
    """Rows of whose records' keys none is a column."""
    skipped: Longs = field(default_factory=lambda: NONE)
    """Offsets of records that are meant to make no row, and of these those which say that a row is gone."""
    deletes: Longs = field(default_factory=lambda: NONE)

    @property
    def size_bytes(self) -> int:
        """Bytes of the records' values, and of the rejects."""
        return int(self.value_bytes.sum()) + sum(reject.size_bytes for reject in self.rejects)

    def split(self, offset: int) -> tuple[ParsedRecords, ParsedRecords | None]:
        """Return what lies before ``offset`` and what is left, None where nothing is."""
        if offset >= self.next_offset:
            return self, None
        row = int(np.searchsorted(self.offsets, offset))
        return self._part(0, row, self.first_offset, offset), self._part(row, None, offset, self.next_offset)

    def split_before(self, row: int) -> tuple[ParsedRecords | None, ParsedRecords | None]:
        """Return what lies before row number ``row`` and what begins with it, None where nothing is."""
        if row >= len(self.offsets):
            return self, None
        if row == 0 and self.offsets[0] == self.first_offset:
            return None, self
        return self.split(int(self.offsets[row]))

    def then(self, following: ParsedRecords) -> ParsedRecords:
        """Return these records and those that follow as one."""
        return ParsedRecords(
            # Fetches of rejects alone would leave a table of empty chunks.
            rows=pa.concat_tables([self.rows, following.rows]) if following.rows.num_rows else self.rows,
            offsets=np.concatenate([self.offsets, following.offsets]),
            timestamps_ms=np.concatenate([self.timestamps_ms, following.timestamps_ms]),
            clock_ms=np.concatenate([self.clock_ms, following.clock_ms]),
            value_bytes=np.concatenate([self.value_bytes, following.value_bytes]),
            rejects=(*self.rejects, *following.rejects),
            gaps=(*self.gaps, *following.gaps),
            first_offset=self.first_offset,
            next_offset=following.next_offset,
            ignored_keys=self.ignored_keys + following.ignored_keys,
            origins=self.origins.then(following.origins, self.first_offset),
            strangers=(*self.strangers, *following.strangers),
            skipped=np.concatenate([self.skipped, following.skipped]),
            deletes=np.concatenate([self.deletes, following.deletes]),
        )

    def _part(self, start: int, stop: int | None, first_offset: int, next_offset: int) -> ParsedRecords:
        rows = slice(start, stop)
        return ParsedRecords(
            rows=self.rows.slice(start, None if stop is None else stop - start),
            offsets=self.offsets[rows],
            timestamps_ms=self.timestamps_ms[rows],
            clock_ms=self.clock_ms[rows],
            value_bytes=self.value_bytes[rows],
            rejects=tuple(r for r in self.rejects if first_offset <= r.offset < next_offset),
            gaps=tuple(
                (max(start, first_offset), min(end, next_offset))
                for start, end in self.gaps
                if start < next_offset and end > first_offset
            ),
            first_offset=first_offset,
            next_offset=next_offset,
            ignored_keys=self.ignored_keys if start == 0 else 0,
            origins=self.origins,
            strangers=tuple(r for r in self.strangers if first_offset <= r.offset < next_offset),
            skipped=_between(self.skipped, first_offset, next_offset),
            deletes=_between(self.deletes, first_offset, next_offset),
        )


def parsed_records(fetched: FetchedRecords, expected_offset: int) -> ParsedRecords:
    """Return the records of ``fetched``, parsed, from ``expected_offset`` on."""
    parsed = fetched.parsed.result()
    chosen = parsed.indexes
    offsets, timestamps = fetched.offsets[chosen], fetched.chunk.timestamps_ms[chosen]
    lengths = _lengths(fetched.chunk.values)
    rejects = tuple(_reject(fetched, record.index, record.reason) for record in parsed.rejected)
    strangers = tuple(_reject(fetched, index, "none of its keys is a column") for index in parsed.strangers)
    return ParsedRecords(
        rows=_with_coordinates(parsed.rows, fetched, chosen),
        offsets=offsets,
        timestamps_ms=timestamps,
        clock_ms=np.maximum.accumulate(timestamps),
        value_bytes=lengths[chosen],
        rejects=rejects,
        gaps=_gaps(fetched.offsets, expected_offset),
        first_offset=expected_offset,
        next_offset=int(fetched.offsets[-1]) + 1,
        ignored_keys=parsed.ignored_keys,
        origins=fetched.origins,
        strangers=strangers,
        skipped=fetched.offsets[parsed.skipped],
        deletes=fetched.offsets[parsed.deletes],
    )


def stretches(offsets: Longs) -> list[tuple[int, int]]:
    """Return ascending ``offsets`` as stretches [from, to) without a hole."""
    if not len(offsets):
        return []
    breaks = np.flatnonzero(np.diff(offsets) > 1)
    starts, ends = offsets[np.concatenate([[0], breaks + 1])], offsets[np.append(breaks, -1)] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _between(offsets: Longs, first: int, end: int) -> Longs:
    low, high = np.searchsorted(offsets, [first, end])
    return offsets[low:high]


def _reject(fetched: FetchedRecords, index: int, reason: str) -> Reject:
    return Reject(
        offset=int(fetched.offsets[index]),
        timestamp_ms=int(fetched.chunk.timestamps_ms[index]),
        key=fetched.chunk.keys[index],
        value=fetched.chunk.values[index],
        reason=reason,
        headers=_kept(fetched.chunk.headers[index]),
    )


def _kept(headers: Headers) -> Headers:
    return headers if headers is UNREADABLE else tuple(headers)


def no_records(schema: pa.Schema, first_offset: int, next_offset: int) -> ParsedRecords:
    """Return a gap, offsets that hold no record: the end of a transaction, or compacted away."""
    none = np.empty(0, dtype=np.int64)
    return ParsedRecords(
        schema.empty_table(), none, none, none, none, (), ((first_offset, next_offset),), first_offset, next_offset
    )


def _with_coordinates(rows: pa.Table, fetched: FetchedRecords, chosen: Longs) -> pa.Table:
    all_keys = fetched.chunk.keys
    keys = all_keys if len(chosen) == len(all_keys) else [all_keys[index] for index in chosen.tolist()]
    columns = {
        PARTITION: pa.array(np.full(len(chosen), fetched.lane, dtype=np.int32)),
        OFFSET: pa.array(fetched.offsets[chosen]),
        TIMESTAMP: pa.array(fetched.chunk.timestamps_ms[chosen]).cast(pa.timestamp("ms", tz="UTC")),
        KEY: pa.array(keys, type=pa.binary()),
    }
    for name, values in columns.items():
        rows = rows.append_column(pa.field(name, values.type, nullable=name == KEY), values)
    return rows


def _lengths(values: Sequence[bytes | None]) -> Longs:
    try:
        return np.fromiter(map(len, values), np.int64, len(values))  # type: ignore[arg-type]
    except TypeError:
        return np.fromiter((len(value or b"") for value in values), np.int64, len(values))


def _gaps(offsets: Longs, expected: int) -> tuple[tuple[int, int], ...]:
    before = np.concatenate(([expected], offsets[:-1] + 1))
    (places,) = np.nonzero(offsets > before)
    return tuple((int(before[place]), int(offsets[place])) for place in places)
