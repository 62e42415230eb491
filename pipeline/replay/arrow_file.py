"""Reads an Arrow file (Feather, IPC; as a file or as a stream) row by row, with the same meaning as Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
from pyarrow import ipc

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay.arrow_rows import names_of, readable_batches, rows_of
from pipeline.replay.rows import OnBad, SourceRow

_MAGIC = b"ARROW1"


def read_arrow(path: Path, file: IO[bytes], stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``file``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: not Arrow, a column of the stream is missing, or the file is damaged.
    """
    try:
        schema, batches = open_arrow(path, file)
        names = names_of(path, schema.names, stream)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceFileError(str(path), None, None, f"not Arrow: {error}") from error
    yield from rows_of(str(path), readable_batches(str(path), batches), names, stream, on_bad)


def open_arrow(path: Path, file: IO[bytes]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the schema and the batches of an Arrow file, which may be a stream of them."""
    is_file = file.read(len(_MAGIC)) == _MAGIC
    file.seek(0)
    if not is_file:
        reader = ipc.open_stream(file)
        return reader.schema, iter(reader)
    # Mapped, so that a batch of the whole file is not in memory at once.
    found = ipc.open_file(pa.memory_map(str(path)))
    return found.schema, (found.get_batch(number) for number in range(found.num_record_batches))
