"""Reads a data file row by row, in order: CSV (plain, gzip or zip) or Parquet, and says where a fault lies."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.util
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.columns import stream_schema
from pipeline.replay.cells import Value, readers

Row = dict[str, Value]
OnBad = Callable[[SourceFileError], None]

_PARQUET_ROWS = 10_000
# What the standard library raises for compressed files that are cut short, damaged or encrypted.
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
_FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceRow:
    """``number`` counts the file's data rows from 0, the unreadable ones too."""

    number: int
    values: Row


def default_path(stream: Stream) -> Path:
    """Return the file that the stream file names as its source.

    Raises
    ------
    SourceFileError: it names none, or its package is not installed.
    """
    source = stream.source
    if source is None:
        raise SourceFileError(stream.name, None, None, "the stream file names no `source`; give one with --file")
    if source.package is None:
        return Path(source.path)
    spec = importlib.util.find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise SourceFileError(source.path, None, None, f"package {source.package!r} is not installed")
    return Path(spec.submodule_search_locations[0]) / source.path


def fingerprint(path: Path) -> str:
    """Return 16 hex digits that tell this file from others: of its size and its first MiB."""
    with _readable(path), path.open("rb") as file:
        digest = hashlib.sha256(str(path.stat().st_size).encode())
        digest.update(file.read(_FINGERPRINT_BYTES))
    return digest.hexdigest()[:16]


def read_rows(path: Path, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``path``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: no such file, a column of the stream is missing, or not CSV or Parquet at all.
    """
    if path.suffix.lower() == ".parquet":
        yield from _read_parquet(path, stream, on_bad)
    else:
        yield from _read_csv(path, stream, on_bad)


def _read_csv(path: Path, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    with ExitStack() as stack:
        lines = _Lines(str(path), _open_bytes(path, stack))
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise SourceFileError(str(path), 1, None, f"not CSV: {error}") from error
        places = _places(path, header, stream)
        cells = [(name, place, read) for (name, read), place in zip(readers(stream).items(), places, strict=True)]
        number = 0
        while True:
            first_line = lines.number + 1
            try:
                fields = next(reader)
                if fields:
                    yield SourceRow(number, _row(str(path), first_line, len(header or ()), fields, cells))
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    reason = "a quoted cell that begins here, or below, has no end: all that follows would be lost"
                    raise SourceFileError(str(path), first_line, None, reason) from error
                on_bad(SourceFileError(str(path), first_line, None, f"not CSV: {error}"))
            except _BrokenOffError:
                raise
            except SourceFileError as error:
                on_bad(error)
            number += 1


class _BrokenOffError(SourceFileError):
    """The file cannot be read to its end: no row behind this line can be skipped to."""


class _Lines:
    """Lines of text that know their number, so that a byte that is no UTF-8 can be found."""

    def __init__(self, source: str, file: Iterable[bytes]) -> None:
        self.number = 0
        self._source = source
        self._file = iter(file)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._file)
        except _BROKEN as error:
            raise _BrokenOffError(self._source, self.number + 1, None, f"cannot be read on: {error}") from error
        self.number += 1
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SourceFileError(
                self._source, self.number, None, f"not UTF-8: byte {line[error.start]:#04x} at place {error.start + 1}"
            ) from error


def _places(path: Path, header: list[str] | None, stream: Stream) -> list[int]:
    if not header:
        raise SourceFileError(str(path), 1, None, "the file is empty; its first line has to name the columns")
    for name in stream.columns:
        if name not in header:
            raise SourceFileError(str(path), 1, name, f"missing; the file has {', '.join(header)}"[:500])
        if header.count(name) > 1:
            raise SourceFileError(str(path), 1, name, "stands in the first line more than once")
    return [header.index(name) for name in stream.columns]


def _row(
    source: str, line: int, width: int, fields: list[str], cells: list[tuple[str, int, Callable[[str], Value]]]
) -> Row:
    if len(fields) != width:
        raise SourceFileError(source, line, None, f"{len(fields)} fields where the first line names {width}")
    row: Row = {}
    for name, place, read in cells:
        try:
            row[name] = read(fields[place])
        except (ValueError, OverflowError) as error:
            raise SourceFileError(source, line, name, f"unreadable cell {fields[place][:80]!r}: {error}") from error
    return row


def _open_bytes(path: Path, stack: ExitStack) -> Iterable[bytes]:
    with _readable(path):
        if path.suffix.lower() == ".gz":
            return stack.enter_context(gzip.open(path, "rb"))
        if path.suffix.lower() == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
            if len(names) != 1:
                raise SourceFileError(str(path), None, None, f"holds {len(names)} files; one is expected")
            return stack.enter_context(archive.open(names[0]))
        return stack.enter_context(path.open("rb"))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except zipfile.BadZipFile as error:
        raise SourceFileError(str(path), None, None, f"not a zip file: {error}") from error
    except _BROKEN as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceFileError(str(path), None, None, f"cannot be read: {reason}") from error


def _read_parquet(path: Path, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    schema = stream_schema(stream)
    with _readable(path), path.open("rb") as file:
        try:
            parquet = pq.ParquetFile(file)
        except pa.ArrowException as error:
            raise SourceFileError(str(path), None, None, f"not Parquet: {error}") from error
        for name in schema.names:
            if name not in parquet.schema_arrow.names:
                raise SourceFileError(
                    str(path), None, name, f"missing; the file has {', '.join(parquet.schema_arrow.names)}"[:500]
                )
            if parquet.schema_arrow.names.count(name) > 1:
                raise SourceFileError(str(path), None, name, "is there more than once")
        number = 0
        batches = parquet.iter_batches(_PARQUET_ROWS, columns=schema.names)
        while (batch := _next_batch(path, batches)) is not None:
            for row, values in enumerate(_values(path, batch, schema, number, on_bad), start=number):
                if values is not None:
                    yield SourceRow(row, values)
            number += batch.num_rows


def _next_batch(path: Path, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    try:
        return next(batches, None)
    except (pa.ArrowException, OSError) as error:
        raise SourceFileError(str(path), None, None, f"cannot be read on: {error}") from error


def _values(path: Path, batch: pa.RecordBatch, schema: pa.Schema, first: int, on_bad: OnBad) -> list[Row | None]:
    """Return the rows of ``batch``, whose first is row ``first`` of the file; None is one that ``on_bad`` took."""
    with suppress(SourceFileError):
        return list(_cast(path, batch, schema, None).to_pylist())
    rows: list[Row | None] = []
    for place in range(batch.num_rows):
        try:
            rows.extend(_cast(path, batch.slice(place, 1), schema, first + place + 1).to_pylist())
        except SourceFileError as error:
            on_bad(error)
            rows.append(None)
    return rows


def _cast(path: Path, batch: pa.RecordBatch, schema: pa.Schema, row: int | None) -> pa.Table:
    """Return the columns as a record carries them; NaN, which other tools write for a missing number, is null."""
    columns = []
    for field in schema:
        column = batch.column(field.name)
        try:
            if pa.types.is_floating(column.type):
                column = pc.if_else(pc.is_nan(column), None, column)
                if pc.any(pc.is_inf(column)).as_py():
                    raise pa.ArrowInvalid("infinity is not a finite number")
            if pa.types.is_timestamp(field.type):
                # As text: that is how a record carries a time.
                column = _iso(column.cast(field.type))
            columns.append(column if pa.types.is_timestamp(field.type) else column.cast(field.type))
        except (pa.ArrowException, OverflowError, ValueError) as error:
            raise SourceFileError(str(path), row, field.name, f"is {column.type}: {error}") from error
    return pa.table(columns, names=schema.names)


def _iso(times: pa.Array) -> pa.Array:
    texts = [None if time is None else time.isoformat().replace("+00:00", "Z") for time in times.to_pylist()]
    return pa.array(texts, pa.string())
