"""Reads a data file row by row, in order: text (plain, gzip or zip) or Parquet, and says where a fault lies."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.util
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from contract import remedies
from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay.cells import Value, readers
from pipeline.replay.header import names_in_file
from pipeline.replay.parquet import read_parquet
from pipeline.replay.rows import OnBad, Row, SourceRow

# No row is longer than what a topic takes, which is 1 MB unless configured; one beyond this is damage, or a bomb.
LONGEST_ROW = 2**24
# What the standard library raises for compressed files that are cut short, damaged or encrypted.
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
_FINGERPRINT_BYTES = 1 << 20


def default_path(stream: Stream, stream_path: str | Path) -> Path:
    """Return the file that the stream file names as its source; it is looked for beside the stream file, then here.

    Raises
    ------
    SourceFileError: it names none, its package is not installed, or two places have such a file, or none.
    """
    source = stream.source
    if source is None:
        raise SourceFileError(stream.name, None, None, "the stream file names no `source`; give one with --file")
    if source.package is None:
        return _found(Path(source.path), Path(stream_path))
    return _directory(source.package, source.path) / source.path


def _directory(package: str, path: str) -> Path:
    """Return where ``package`` lies; nothing of it is imported, for it may need what is not installed."""
    top, *inner = package.split(".")
    spec = importlib.util.find_spec(top)
    places = [Path(place).joinpath(*inner) for place in (spec and spec.submodule_search_locations) or ()]
    if (found := next((place for place in places if place.is_dir()), None)) is None:
        reason = f"package {package!r} is not installed; {remedies.install_source(package)} brings it, or says how"
        raise SourceFileError(path, None, None, reason)
    return found


def _found(path: Path, stream_path: Path) -> Path:
    beside, here = stream_path.resolve().parent / path, Path.cwd() / path
    found = [place for place in (beside, here) if place.exists()]
    if not found:
        places = f"looked for as {beside}" + (f" and {here}" if here != beside else "")
        raise SourceFileError(str(stream_path), None, None, f"source.path {str(path)!r}: no such file; {places}")
    if len(found) == 2 and not beside.samefile(here):
        reason = f"source.path {str(path)!r} is both {beside} and {here}; write the whole path of the one that is meant"
        raise SourceFileError(str(stream_path), None, None, reason)
    return found[0]


def source_id(path: Path) -> str:
    """Return 16 hex digits that stand for the file's place, whatever is in it."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]


def fingerprint(path: Path) -> str:
    """Return what earlier replays called the file: 16 hex digits of its size and its first MiB."""
    with readable(path), path.open("rb") as file:
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
        with readable(path):
            yield from read_parquet(path, stream, on_bad)
    else:
        yield from _read_csv(path, stream, on_bad)


def _read_csv(path: Path, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    csv.field_size_limit(LONGEST_ROW)
    with ExitStack() as stack:
        lines = _Lines(str(path), _open_bytes(path, stack))
        reader = csv.reader(lines, strict=True, delimiter=stream.delimiter)
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise SourceFileError(str(path), 1, None, f"not CSV: {error}") from error
        places = _places(path, header, stream)
        cells = [(name, place, read) for (name, read), place in zip(readers(stream).items(), places, strict=True)]
        number = 0
        while True:
            first_line = lines.begin_row()
            try:
                fields = next(reader)
                if fields:
                    yield SourceRow(number, first_line, _row(str(path), first_line, len(header or ()), fields, cells))
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
    """Lines of text that know their number, so that a byte that is no UTF-8 can be found; rows of them are bounded."""

    def __init__(self, source: str, file: IO[bytes]) -> None:
        self.number = 0
        self._source = source
        self._file = file
        self.begin_row()

    def __iter__(self) -> _Lines:
        return self

    def begin_row(self) -> int:
        """Count the bytes of a row from here on; return the line that it begins in."""
        self._row_bytes = 0
        self._row_line = self.number + 1
        return self._row_line

    def __next__(self) -> str:
        try:
            line = self._file.readline(LONGEST_ROW - self._row_bytes + 1)
        except _BROKEN as error:
            raise _BrokenOffError(self._source, self.number + 1, None, f"cannot be read on: {error}") from error
        if not line:
            raise StopIteration
        self.number += 1
        self._row_bytes += len(line)
        if self._row_bytes > LONGEST_ROW:
            reason = f"longer than {LONGEST_ROW:,} bytes: not a row of a data file"
            if self.number > self._row_line:
                reason += f"; a quoted cell runs on to line {self.number}: has it an end?"
            raise _BrokenOffError(self._source, self._row_line, None, reason)
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SourceFileError(
                self._source, self.number, None, f"not UTF-8: byte {line[error.start]:#04x} at place {error.start + 1}"
            ) from error


def _places(path: Path, header: list[str] | None, stream: Stream) -> list[int]:
    if not header:
        raise SourceFileError(str(path), 1, None, "the file is empty; its first line has to name the columns")
    return [header.index(name) for name in names_in_file(path, 1, header, stream)]


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
            raise SourceFileError(
                source, line, name, f"unreadable cell {fields[place][:80]!r}: {str(error)[:200]}"
            ) from error
    return row


def _open_bytes(path: Path, stack: ExitStack) -> IO[bytes]:
    with readable(path):
        if path.suffix.lower() == ".gz":
            return cast("IO[bytes]", stack.enter_context(gzip.open(path, "rb")))
        if path.suffix.lower() == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
            if len(names) != 1:
                raise SourceFileError(str(path), None, None, f"holds {len(names)} files; one is expected")
            return stack.enter_context(archive.open(names[0]))
        return stack.enter_context(path.open("rb"))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what opening ``path`` raises into a :class:`SourceFileError`."""
    try:
        yield
    except zipfile.BadZipFile as error:
        raise SourceFileError(str(path), None, None, f"not a zip file: {error}") from error
    except _BROKEN as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceFileError(str(path), None, None, f"cannot be read: {reason}") from error
