"""Columns that are not in a record's value: from its headers, from its key, and its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from contract.moment import EARLIEST_US, LATEST_US
from contract.stream import Stream
from contract.stream_sections import Column
from pipeline.cells import readers
from pipeline.columns import arrow_type
from pipeline.land.formats.format import Chunk, RejectedRecord
from pipeline.land.formats.json_records import JsonRecords
from pipeline.land.formats.text_columns import TextColumn
from pipeline.land.origins import Longs
from pipeline.record_headers import UNREADABLE, Headers

_NO_KEY = b"{}"
# Kafka's word for a record without a time.
_NO_TIME_MS = -1
_UNREADABLE = "headers: the name of one is not UTF-8, and the client tells none of them"
_Faults = list[tuple[int, str]]
"""Place among the rows, and what is wrong there."""


class BesideValues:
    """The columns of ``stream`` that are beside records' values."""

    def __init__(self, stream: Stream) -> None:
        self.columns = {name: column for name, column in stream.columns.items() if not column.in_value}
        paths = {name: path for name, column in self.columns.items() if (path := column.path_in_key) is not None}
        self._in_keys = JsonRecords({name: stream.columns[name] for name in paths}, paths)
        whole = {name: column for name, column in self.columns.items() if name not in paths and not column.timestamp}
        self._any_header = any(column.header is not None for column in whole.values())
        self._whole = {name: _BytesColumn(name, column, stream) for name, column in whole.items()}

    def added(
        self, rows: pa.Table, indexes: Longs, chunk: Chunk, rejected: list[RejectedRecord]
    ) -> tuple[pa.Table, Longs]:
        """Return ``rows`` with these columns, without those of which one cannot be read: they go to ``rejected``."""
        faults: _Faults = []
        # A table without columns does not know how many rows it has.
        columns = dict(zip(rows.column_names, rows.columns, strict=True))
        for name, values, wrong in self._columns(chunk, indexes):
            columns[name] = values
            faults += wrong
        rows = pa.table(columns)
        if not faults:
            return rows, indexes
        bad = np.zeros(len(indexes), dtype=np.bool_)
        for place, reason in faults:
            if not bad[place]:
                rejected.append(RejectedRecord(int(indexes[place]), reason))
            bad[place] = True
        return rows.filter(pa.array(~bad)), indexes[~bad]

    def _columns(self, chunk: Chunk, indexes: Longs) -> Iterator[tuple[str, pa.ChunkedArray, _Faults]]:
        chosen = indexes.tolist()
        headers = [chunk.headers[index] for index in chosen] if self._any_header else []
        unreadable = [(place, _UNREADABLE) for place, each in enumerate(headers) if each is UNREADABLE]
        for name, whole in self._whole.items():
            keys = [chunk.keys[index] for index in chosen] if whole.header is None else []
            values, faults = whole.values(keys or [_last(each, whole.header) for each in headers])
            yield name, values, unreadable + faults
            unreadable = []
        if self._in_keys.columns:
            yield from self._of_json_keys([chunk.keys[index] for index in chosen])
        for name in (name for name, column in self.columns.items() if column.timestamp):
            yield name, *_times(name, chunk.timestamps_ms[indexes])

    def _of_json_keys(self, keys: Sequence[bytes | None]) -> Iterator[tuple[str, pa.ChunkedArray, _Faults]]:
        parsed = self._in_keys.parse([_NO_KEY if key is None else key for key in keys])
        # Where a key is no row of its columns, the record will be no row either.
        places = np.zeros(len(keys), dtype=np.int64)
        there = np.zeros(len(keys), dtype=np.bool_)
        places[parsed.indexes], there[parsed.indexes] = np.arange(len(parsed.indexes)), True
        taken = parsed.rows.take(pa.array(places, mask=~there))
        faults = [(record.index, f"key: {record.reason}") for record in parsed.rejected]
        for name in self._in_keys.columns:
            yield name, taken.column(name), faults
            faults = []


class _BytesColumn:
    """A column that is all of a header or of the key: text, or the bytes themselves."""

    def __init__(self, name: str, column: Column, stream: Stream) -> None:
        self._name, self.header = name, column.header
        self._place = "the key" if column.header is None else f"header {column.header!r}"
        self._type = arrow_type(column.type)
        self._text = None if column.type == "binary" else TextColumn(name, column, readers(stream)[name])

    def values(self, found: Sequence[bytes | None]) -> tuple[pa.ChunkedArray, _Faults]:
        """Return the column, and what cannot be read of it."""
        if self._text is None:
            return pa.chunked_array([pa.array(found, self._type)]), []
        texts: list[str | None] = []
        faults: _Faults = []
        for place, each in enumerate(found):
            try:
                texts.append(None if each is None else each.decode())
            except UnicodeDecodeError:
                texts.append(None)
                faults.append((place, f"column {self._name!r}: {self._place} is not UTF-8"))
        values, wrong = self._text.values(texts)
        return values, faults + wrong


def _last(headers: Headers, wanted: str | None) -> bytes | None:
    """Return the value of header ``wanted``; of one that a record has several times, the last counts."""
    return next((value for name, value in reversed(headers) if name == wanted), None)


def _times(name: str, times_ms: Longs) -> tuple[pa.ChunkedArray, _Faults]:
    wild = (times_ms < EARLIEST_US // 1000) | (times_ms > LATEST_US // 1000)
    unknown = times_ms == _NO_TIME_MS
    us = pa.array(np.where(wild, 0, times_ms) * 1000, pa.int64(), mask=wild | unknown)
    faults = [
        (place, f"column {name!r}: the record's time is outside the years 1 to 9999")
        for place in np.flatnonzero(wild).tolist()
    ]
    return pa.chunked_array([us.cast(arrow_type("timestamp"))]), faults
