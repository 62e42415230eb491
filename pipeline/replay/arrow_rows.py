"""Rows of Arrow, as Parquet and Arrow files have them, with the same meaning as cells of text, in bounded memory."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.column_types import decimal_digits
from contract.errors import SourceFileError
from contract.moment import PER_SECOND, EpochUnit
from contract.plain_values import decimal_text
from contract.stream import Stream
from contract.stream_sections import Column
from contract.zones import in_zone
from pipeline.cells import Reader, Value, epoch, text_readers
from pipeline.columns import stream_schema
from pipeline.replay.header import places_in_file
from pipeline.replay.rows import OnBad, Row, SourceRow

# Rows are taken apart in Python by so many bytes at a time: a long text that repeats is short in the file.
SLICE_BYTES = 2**24
MOST_ROWS = 10_000


def rows_of(
    source: str, batches: Iterator[pa.RecordBatch], names: Sequence[str], stream: Stream, on_bad: OnBad
) -> Iterator[SourceRow]:
    """Yield the rows of ``batches``, which have the stream's columns under ``names``; ``on_bad`` takes the others."""
    number, columns = 0, Columns(stream, names)
    for batch in batches:
        for piece in _slices(batch.select(list(dict.fromkeys(names)))):
            for row, values in enumerate(_values(source, piece, columns, number, on_bad), start=number):
                if values is not None:
                    yield SourceRow(row, row + 1, values)
            number += piece.num_rows


def names_of(path: Path, names: Sequence[str], stream: Stream) -> list[str]:
    """Return what a file with the columns ``names`` calls each of the stream's.

    Raises
    ------
    SourceFileError: it does not have one of them, or more than once.
    """
    found = [names[place] for place in places_in_file(path, None, names, stream)]
    for column, name in zip(stream.columns, found, strict=True):
        if names.count(name) > 1:
            raise SourceFileError(str(path), None, column, f"{name!r} is the name of more than one column")
    return found


def readable_batches(source: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield ``batches``.

    Raises
    ------
    SourceFileError: the file is damaged.
    """
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise SourceFileError(source, None, None, f"cannot be read on: {error}") from error


class Columns:
    """The stream's columns, under the ``names`` of a file, and what reads text of each."""

    def __init__(self, stream: Stream, names: Sequence[str]) -> None:
        self._names = names
        self._schema = stream_schema(stream)
        self._declared = stream.columns
        self._text = text_readers(stream)

    def rows(self, source: str, batch: pa.RecordBatch, line: int | None) -> list[Row]:
        """Return the rows as records carry them; NaN, which other tools write for a missing number, is null."""
        columns = []
        for field, name in zip(self._schema, self._names, strict=True):
            found = batch.column(name)
            try:
                columns.append(_column(found, field.type, self._declared[field.name], self._text[field.name]))
            except (pa.ArrowException, OverflowError, ValueError) as error:
                problem = f"is {_plain(found.type)}: {str(error)[:300]}"
                raise SourceFileError(source, line, field.name, problem) from error
        return [dict(zip(self._schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield ``batch`` in pieces whose texts have some ``SLICE_BYTES`` together."""
    widths = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if (lengths := _lengths(column)) is not None:
            widths += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)
    pieces = np.maximum(np.cumsum(widths) // SLICE_BYTES, np.arange(batch.num_rows) // MOST_ROWS)
    edges = [0, *(np.nonzero(np.diff(pieces))[0] + 1).tolist(), batch.num_rows]
    for start, end in itertools.pairwise(edges):
        yield batch.slice(start, end - start)


def _lengths(column: pa.Array) -> pa.Array | None:
    """Return how many bytes each value has, where they differ."""
    if pa.types.is_dictionary(column.type):
        if (lengths := _lengths(column.dictionary)) is not None:
            return pc.take(lengths, column.indices)
    elif _is_text(column.type) or _is_binary(column.type):
        return pc.binary_length(column)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _values(source: str, batch: pa.RecordBatch, columns: Columns, first: int, on_bad: OnBad) -> list[Row | None]:
    """Return the rows of ``batch``, whose first is row ``first`` of the file; None is one that ``on_bad`` took."""
    with suppress(SourceFileError):
        return list(columns.rows(source, batch, None))
    rows: list[Row | None] = []
    for place in range(batch.num_rows):
        try:
            rows.extend(columns.rows(source, batch.slice(place, 1), first + place + 1))
        except SourceFileError as error:
            on_bad(error)
            rows.append(None)
    return rows


def _column(found: pa.Array, wanted: pa.DataType, declared: Column, read_text: Reader) -> list[Value]:
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    if pa.types.is_floating(found.type):
        found = pc.if_else(pc.is_nan(found), None, found)
        if pc.any(pc.is_inf(found)).as_py():
            raise pa.ArrowInvalid("infinity is not a finite number")
    if _is_text(found.type) and not pa.types.is_string(wanted):
        return [None if text is None else read_text(text) for text in found.to_pylist()]
    if pa.types.is_timestamp(wanted):
        return _times(found, declared) if declared.epoch is None else _epochs(found, declared)
    if (read := _READ.get(declared.type)) is not None:
        return read(found)
    if (digits := decimal_digits(declared.type)) is not None:
        return [None if number is None else _decimal(number, *digits) for number in found.to_pylist()]
    values: list[Value] = found.cast(wanted).to_pylist()
    if pa.types.is_decimal(found.type) and pa.types.is_floating(wanted):
        _refuse_lost_digits(found.to_pylist(), values, declared.type)
    return values


def _decimal(number: object, precision: int, scale: int) -> str:
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        raise ValueError(f"{number!r} is not a number"[:100])  # noqa: TRY004 - a cell that is not of its type
    return decimal_text(repr(number) if isinstance(number, float) else str(number), precision, scale)


def _refuse_lost_digits(exact: list[Decimal | None], rounded: list[Value], kind: str) -> None:
    for number, value in zip(exact, rounded, strict=True):
        if number is not None and Decimal(str(np.dtype(kind).type(value))) != number:
            raise ValueError(f"{number} has more digits than a {kind} keeps: `type: decimal(p,s)` does")


def _dates(found: pa.Array) -> list[Value]:
    if pa.types.is_timestamp(found.type):
        found = _in_unit(found, "us")
    elif not pa.types.is_date(found.type):
        raise ValueError("no date")
    dates = found.cast(pa.date32(), safe=False)
    if not dates.cast(found.type, safe=False).equals(found):
        raise ValueError("has a time of day, and a date has none; a timestamp does")
    return [None if day is None else day.isoformat() for day in dates.to_pylist()]


def _clock_times(found: pa.Array) -> list[Value]:
    if not pa.types.is_time(found.type):
        raise ValueError("no time of day")
    return [None if at is None else at.isoformat() for at in found.cast(pa.time64("us"), safe=False).to_pylist()]


def _base64(found: pa.Array) -> list[Value]:
    if not _is_binary(found.type):
        raise ValueError("neither bytes nor text")
    return [None if value is None else base64.b64encode(value).decode() for value in found.to_pylist()]


_READ: Final[dict[str, Callable[[pa.Array], list[Value]]]] = {
    "date": _dates, "time": _clock_times, "binary": _base64
}  # fmt: skip


def _times(found: pa.Array, declared: Column) -> list[Value]:
    """Return times as ISO 8601 text: that is how a record carries them."""
    if pa.types.is_integer(found.type) or pa.types.is_floating(found.type) or pa.types.is_decimal(found.type):
        raise ValueError("a number is no time; if it counts from 1970, say `epoch: s`, ms, us or ns")
    times: list[datetime | None] = _in_unit(found, "us").to_pylist()
    if declared.zone is not None and getattr(found.type, "tz", None) is None:
        times = [_of_zone(time, declared.zone) for time in times]
    return [None if time is None else time.isoformat().replace("+00:00", "Z") for time in times]


def _of_zone(clock: datetime | None, zone: str) -> datetime | None:
    return None if clock is None else in_zone(clock.replace(tzinfo=None), zone).astimezone(UTC)


def _epochs(found: pa.Array, declared: Column) -> list[Value]:
    unit = declared.epoch
    assert unit is not None  # noqa: S101 - asked before
    if pa.types.is_timestamp(found.type) or pa.types.is_date(found.type):
        found = _in_unit(found, unit).cast(pa.int64())
    return [None if number is None else epoch(str(number), unit) for number in found.to_pylist()]


def _in_unit(times: pa.Array, unit: EpochUnit) -> pa.Array:
    """Return times in UTC and in ``unit``; what is finer is cut off, towards the past."""
    if pa.types.is_timestamp(times.type) and PER_SECOND[times.type.unit] > PER_SECOND[unit]:
        step = PER_SECOND[times.type.unit] // PER_SECOND[unit]
        numbers = times.cast(pa.int64())
        # Division rounds towards zero; before 1970 that is the wrong side.
        numbers = pc.divide(pc.if_else(pc.less(numbers, 0), pc.subtract(numbers, step - 1), numbers), step)
        times = numbers.cast(pa.timestamp(unit))
    return times.cast(pa.timestamp(unit, tz="UTC"))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
