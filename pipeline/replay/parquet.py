"""Reads a Parquet file row by row, with the same meaning as a CSV file, and in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import SourceFileError
from contract.moment import PER_SECOND, EpochUnit
from contract.stream import Column, Stream
from pipeline.columns import stream_schema
from pipeline.replay.cells import Value, epoch, iso_utc
from pipeline.replay.header import names_in_file
from pipeline.replay.rows import OnBad, Row, SourceRow

_MOST_ROWS = 10_000
# Rows are taken apart in Python by so many bytes at a time: a long text that repeats is short in the file.
_SLICE_BYTES = 2**24


def read_parquet(path: Path, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``path``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: not Parquet, a column of the stream is missing, or the file is damaged.
    """
    with path.open("rb") as file:
        parquet, names = _open(path, file, stream)
        number = 0
        batches = parquet.iter_batches(_rows_at_once(parquet, names), columns=names)
        while (batch := _next_batch(path, batches)) is not None:
            for piece in _slices(batch):
                for row, values in enumerate(_values(path, piece, stream, number, on_bad), start=number):
                    if values is not None:
                        yield SourceRow(row, row + 1, values)
                number += piece.num_rows


def _open(path: Path, file: object, stream: Stream) -> tuple[pq.ParquetFile, list[str]]:
    """Return the file, and what it calls the stream's columns."""
    try:
        found = pq.ParquetFile(file)
        names = names_in_file(path, None, found.schema_arrow.names, stream)
        # As a dictionary, a text that repeats is held once; what is nested cannot be one.
        flat = {found.schema.column(place).path for place in range(found.metadata.num_columns)}.intersection(names)
        return pq.ParquetFile(file, metadata=found.metadata, read_dictionary=sorted(flat)), names
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceFileError(str(path), None, None, f"not Parquet: {error}") from error


def _rows_at_once(parquet: pq.ParquetFile, names: list[str]) -> int:
    """Return how many rows have about ``_SLICE_BYTES``, by the group whose rows are the largest."""
    width, wanted = 1, frozenset(names)
    for number in range(parquet.metadata.num_row_groups):
        group = parquet.metadata.row_group(number)
        chunks = (group.column(place) for place in range(group.num_columns))
        size = sum(chunk.total_uncompressed_size for chunk in chunks if _is_of(chunk.path_in_schema, wanted))
        width = max(width, size // max(group.num_rows, 1))
    return max(1, min(_MOST_ROWS, _SLICE_BYTES // width))


def _is_of(path: str, names: frozenset[str]) -> bool:
    """Whether a Parquet path is of one of the columns ``names``, which may have dots as nested paths have."""
    return any(start in names for start in itertools.accumulate(path.split("."), "{}.{}".format))


def _next_batch(path: Path, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    try:
        return next(batches, None)
    except (pa.ArrowException, OSError) as error:
        raise SourceFileError(str(path), None, None, f"cannot be read on: {error}") from error


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield ``batch`` in pieces whose texts have some ``_SLICE_BYTES`` together."""
    widths = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
            widths += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)
    pieces = np.cumsum(widths) // _SLICE_BYTES
    edges = [0, *(np.nonzero(np.diff(pieces))[0] + 1).tolist(), batch.num_rows]
    for start, end in itertools.pairwise(edges):
        yield batch.slice(start, end - start)


def _values(path: Path, batch: pa.RecordBatch, stream: Stream, first: int, on_bad: OnBad) -> list[Row | None]:
    """Return the rows of ``batch``, whose first is row ``first`` of the file; None is one that ``on_bad`` took."""
    with suppress(SourceFileError):
        return list(_rows(path, batch, stream, None))
    rows: list[Row | None] = []
    for place in range(batch.num_rows):
        try:
            rows.extend(_rows(path, batch.slice(place, 1), stream, first + place + 1))
        except SourceFileError as error:
            on_bad(error)
            rows.append(None)
    return rows


def _rows(path: Path, batch: pa.RecordBatch, stream: Stream, line: int | None) -> list[Row]:
    """Return the rows as records carry them; NaN, which other tools write for a missing number, is null."""
    columns = []
    for field in stream_schema(stream):
        found = batch.column(stream.name_in_file(field.name))
        try:
            columns.append(_column(found, field.type, stream.columns[field.name]))
        except (pa.ArrowException, OverflowError, ValueError) as error:
            raise SourceFileError(
                str(path), line, field.name, f"is {_plain(found.type)}: {str(error)[:300]}"
            ) from error
    return [dict(zip(stream.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(found: pa.Array, wanted: pa.DataType, declared: Column) -> list[Value]:
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    if pa.types.is_floating(found.type):
        found = pc.if_else(pc.is_nan(found), None, found)
        if pc.any(pc.is_inf(found)).as_py():
            raise pa.ArrowInvalid("infinity is not a finite number")
    if not pa.types.is_timestamp(wanted):
        values: list[Value] = found.cast(wanted).to_pylist()
        return values
    return _times(found) if declared.epoch is None else _epochs(found, declared)


def _times(found: pa.Array) -> list[Value]:
    """Return times as ISO 8601 text: that is how a record carries them."""
    if pa.types.is_string(found.type) or pa.types.is_large_string(found.type):
        return [None if text is None else iso_utc(text) for text in found.to_pylist()]
    if pa.types.is_integer(found.type) or pa.types.is_floating(found.type) or pa.types.is_decimal(found.type):
        raise ValueError("a number is no time; if it counts from 1970, say `epoch: s`, ms, us or ns")
    whole = _in_unit(found, "us")
    return [None if time is None else time.isoformat().replace("+00:00", "Z") for time in whole.to_pylist()]


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
