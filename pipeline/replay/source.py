"""Reads a data file row by row, in order, whatever it is packed with and however its rows are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay.arrow_file import read_arrow
from pipeline.replay.json_array import is_array, read_json_array
from pipeline.replay.json_lines import read_json_lines
from pipeline.replay.opened import OnPlace, Opened, opened
from pipeline.replay.parquet import read_parquet
from pipeline.replay.place import files_of
from pipeline.replay.rows import OnBad, SourceRow
from pipeline.replay.text_rows import read_text


def read_rows(path: Path, stream: Stream, on_bad: OnBad, on_place: OnPlace | None = None) -> Iterator[SourceRow]:
    """Yield the rows of ``path``, or of the files it stands for, one behind the other.

    A column that is in no record's value is in no file.
    What cannot be read goes to ``on_bad``, which may raise it; ``on_place`` is told how many bytes of all files were
    read by now.

    Raises
    ------
    SourceFileError: no such file, a column of the stream is missing, or its form is none that is read.
    """
    stream = stream.model_copy(update={"columns": stream.value_columns})
    files = files_of(path)
    if len(files) == 1:
        yield from _read(files[0], stream, on_bad, on_place)
        return
    before, bytes_before = 0, 0
    for file in files:
        number = -1
        for row in _read(file, stream, on_bad, _behind(bytes_before, on_place)):
            number = row.number
            yield replace(row, number=before + number, path=str(file))
        before += number + 1
        bytes_before += file.stat().st_size


def _behind(bytes_before: int, on_place: OnPlace | None) -> OnPlace | None:
    return None if on_place is None else lambda place: on_place(bytes_before + place)


def _read(path: Path, stream: Stream, on_bad: OnBad, on_place: OnPlace | None) -> Iterator[SourceRow]:
    with ExitStack() as stack:
        found = opened(path, stack, on_place)
        if found.form == "text":
            yield from read_text(str(path), found.file, stream, on_bad)
        elif found.form == "json":
            read = read_json_array if is_array(found.file, stream.written.encoding) else read_json_lines
            yield from read(str(path), found.file, stream, on_bad)
        else:
            yield from _of_arrow(path, found, stream, on_bad)


def _of_arrow(path: Path, found: Opened, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    if not found.seekable:
        reason = f"{found.form.title()} is read from a plain file: it has its index at its end, and is packed inside"
        raise SourceFileError(str(path), None, None, reason)
    read = read_parquet if found.form == "parquet" else read_arrow
    yield from read(path, found.file, stream, on_bad)
