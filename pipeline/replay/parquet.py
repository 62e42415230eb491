"""Reads a Parquet file row by row, with the same meaning as a CSV file, and in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay.arrow_rows import MOST_ROWS, SLICE_BYTES, names_of, readable_batches, rows_of
from pipeline.replay.rows import OnBad, SourceRow


def read_parquet(path: Path, file: IO[bytes], stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``file``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: not Parquet, a column of the stream is missing, or the file is damaged.
    """
    parquet, names = _open(path, file, stream)
    found = parquet.iter_batches(_rows_at_once(parquet, names), columns=names)
    yield from rows_of(str(path), readable_batches(str(path), found), names, stream, on_bad)


def _open(path: Path, file: object, stream: Stream) -> tuple[pq.ParquetFile, list[str]]:
    """Return the file, and what it calls the stream's columns."""
    try:
        found = pq.ParquetFile(file)
        names = names_of(path, found.schema_arrow.names, stream)
        # As a dictionary, a text that repeats is held once; what is nested cannot be one.
        flat = {found.schema.column(place).path for place in range(found.metadata.num_columns)}.intersection(names)
        return pq.ParquetFile(file, metadata=found.metadata, read_dictionary=sorted(flat)), names
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceFileError(str(path), None, None, f"not Parquet: {error}") from error


def _rows_at_once(parquet: pq.ParquetFile, names: list[str]) -> int:
    """Return how many rows have about ``SLICE_BYTES``, by the group whose rows are the largest."""
    width, wanted = 1, frozenset(names)
    for number in range(parquet.metadata.num_row_groups):
        group = parquet.metadata.row_group(number)
        chunks = (group.column(place) for place in range(group.num_columns))
        size = sum(chunk.total_uncompressed_size for chunk in chunks if _is_of(chunk.path_in_schema, wanted))
        width = max(width, size // max(group.num_rows, 1))
    return max(1, min(MOST_ROWS, SLICE_BYTES // width))


def _is_of(path: str, names: frozenset[str]) -> bool:
    """Whether a Parquet path is of one of the columns ``names``, which may have dots as nested paths have."""
    return any(start in names for start in itertools.accumulate(path.split("."), "{}.{}".format))
