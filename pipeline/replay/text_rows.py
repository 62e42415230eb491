"""Reads a text file row by row: cells between delimiters, quoted or not, with or without a line that names them."""

from __future__ import annotations

import csv
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.cells import Value, readers
from pipeline.replay import lines as lines_module
from pipeline.replay.header import places_in_file, places_in_rows
from pipeline.replay.lines import BrokenOffError, Lines
from pipeline.replay.rows import OnBad, Row, SourceRow

# In this order: a file that two of them would fit has the first.
_DELIMITERS = ",;\t|"
# Rows without a header that are looked at, to find what separates them.
_LOOKED_AT = 100


@dataclass(frozen=True)
class _Layout:
    """How rows are separated, how many fields they have, and where those of the stream's columns are."""

    delimiter: str
    width: int
    places: list[int]


def read_text(source: str, file: IO[bytes], stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``file``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: a column of the stream is missing, what separates the cells is not found, or the file breaks off.
    """
    csv.field_size_limit(lines_module.LONGEST_ROW)
    lines = Lines(source, file, stream.written.encoding)
    layout = _by_names(source, lines, stream) if _has_names(stream) else _by_places(source, lines, stream)
    lines.from_the_first(for_good=True)
    reader = csv.reader(lines, strict=True, delimiter=layout.delimiter)
    if stream.written.header:
        next(reader)
    cells = [(name, place, read) for (name, read), place in zip(readers(stream).items(), layout.places, strict=True)]
    yield from _rows(source, lines, reader, layout.width, cells, on_bad=on_bad)


def _rows(
    source: str, lines: Lines, reader: Iterator[list[str]], width: int,
    cells: list[tuple[str, int, Callable[[str], Value]]], *, on_bad: OnBad,
) -> Iterator[SourceRow]:  # fmt: skip
    number = 0
    while True:
        first_line = lines.begin_row()
        try:
            fields = next(reader)
            if fields:
                yield SourceRow(number, first_line, _row(source, first_line, width, fields, cells))
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                reason = "a quoted cell that begins here, or below, has no end: all that follows would be lost"
                raise SourceFileError(source, first_line, None, reason) from error
            on_bad(SourceFileError(source, first_line, None, f"not CSV: {error}"))
        except BrokenOffError:
            raise
        except SourceFileError as error:
            on_bad(error)
        number += 1


def _row(
    source: str, line: int, width: int, fields: list[str], cells: list[tuple[str, int, Callable[[str], Value]]]
) -> Row:
    if len(fields) != width:
        raise SourceFileError(source, line, None, f"{len(fields)} fields where the first line has {width}")
    row: Row = {}
    for name, place, read in cells:
        try:
            row[name] = read(fields[place])
        except (ValueError, OverflowError) as error:
            raise SourceFileError(
                source, line, name, f"unreadable cell {fields[place][:80]!r}: {str(error)[:200]}"
            ) from error
    return row


def _has_names(stream: Stream) -> bool:
    return stream.written.header and any(isinstance(stream.name_in_file(column), str) for column in stream.columns)


def _by_names(source: str, lines: Lines, stream: Stream) -> _Layout:
    """Return the layout: a delimiter that is not told is the first under which the first line names all columns."""
    faults: list[tuple[int, SourceFileError]] = []
    for delimiter in stream.written.delimiter or _DELIMITERS:
        lines.from_the_first()
        try:
            names = next(csv.reader(lines, strict=True, delimiter=delimiter), [])
        except csv.Error as error:
            faults.append((0, SourceFileError(source, 1, None, f"not CSV: {error}")))
            continue
        if not names:
            raise SourceFileError(source, 1, None, "the file is empty; its first line has to name the columns")
        try:
            return _Layout(delimiter, len(names), places_in_file(source, 1, names, stream, delimiter))
        except SourceFileError as error:
            faults.append((len(names), error))
    # What splits the line the most is what the person has to see.
    raise max(faults, key=operator.itemgetter(0))[1]


def _by_places(source: str, lines: Lines, stream: Stream) -> _Layout:
    """Return the layout: a delimiter that is not told is the only one that splits the first rows, and all alike."""
    told = stream.written.delimiter
    last = max(int(stream.name_in_file(column)) for column in stream.columns)
    found = {delimiter: _widths(lines, delimiter, _LOOKED_AT) for delimiter in told or _DELIMITERS}
    if not any(found.values()):
        raise SourceFileError(source, 1, None, "the file is empty, or its first rows cannot be read")
    fitting = {delimiter: widths[0] for delimiter, widths in found.items() if widths and (told or _split(widths, last))}
    if len(fitting) != 1 and last == 1 and not fitting:
        fitting = {",": 1}
    if len(fitting) != 1:
        said = (
            f"{' and '.join(map(repr, fitting))} may" if fitting else f"none of {', '.join(map(repr, _DELIMITERS))} can"
        )
        problem = f"{said} stand between its cells: say what does, as `source.delimiter`"
        raise SourceFileError(source, 1, None, problem)
    delimiter, width = next(iter(fitting.items()))
    return _Layout(delimiter, width, places_in_rows(source, width, stream))


def _split(widths: list[int], last: int) -> bool:
    return len(set(widths)) == 1 and widths[0] > 1 and widths[0] >= last


def _widths(lines: Lines, delimiter: str, count: int) -> list[int]:
    """Return how many fields the first rows have, of those that can be read."""
    lines.from_the_first()
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    widths: list[int] = []
    for _ in range(count):
        lines.begin_row()
        try:
            fields = next(reader, None)
        except BrokenOffError:
            raise
        except (csv.Error, SourceFileError):
            continue
        if fields is None:
            break
        widths.extend([len(fields)] if fields else [])
    return widths
