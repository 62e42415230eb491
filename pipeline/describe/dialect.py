"""How a text file is written: its encoding, what stands between its cells, and whether its first line names them."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from pipeline.describe.text_column import TextColumn

HEAD_BYTES: Final = 2**20
_LOOKED_AT = 200
_COLUMNS_LOOKED_AT = 200
_FIRST: Final = (",", ";", "\t", "|")
_THEN: Final = ("^", "~", "\x01", "\x1f", "¦", "§", ":", " ")
_MOSTLY = 0.8
# Each letter is looked at once, however long a cell is.
_LOOKS_TYPED = re.compile(r"\s*+[-+]?[.,:'/% -]*+\d[\d.,:'/% -]*+(T[\d.:]++Z?)?\s*", re.IGNORECASE)
_EXCELS = re.compile(r"sep=.\s*", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
# Bytes that mean nothing in Windows' Western encoding.
_NOT_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True)
class Dialect:
    """How rows are written; ``names`` is None of a file without a header."""

    delimiter: str
    names: Sequence[str] | None
    width: int
    notes: Sequence[str] = field(default=())

    def is_as(self, other: Dialect) -> bool:
        """Whether one `source` says both: rows are split alike, and the first line is a header in both or in none."""
        return self.delimiter == other.delimiter and (self.names is None) == (other.names is None)


class NoRowsError(ValueError):
    """The first lines of a file are no rows that go together; the message says why, and what to do."""


def encoding_of(head: bytes) -> str:
    """Return the encoding that the first bytes of a file show; UTF-8 where they show none."""
    if (marked := next((name for mark, name in _MARKS if head.startswith(mark)), None)) is not None:
        return marked
    pairs = len(head) // 2
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        others = head.count(0) - zeros.count(0)
        if pairs > 1 and zeros.count(0) > pairs * 0.6 and others <= pairs * 0.1:
            return name
    return "utf-8"


def other_encoding(piece: bytes) -> str:
    """Return what bytes that are no UTF-8 are taken for."""
    return "latin-1" if _NOT_1252.intersection(piece) else "cp1252"


def dialect_of(lines: Sequence[str]) -> Dialect:
    """Return how ``lines``, the first of a file, are written.

    Raises
    ------
    NoRowsError: none of them is CSV, or the first has another number of fields than the rows.
    """
    notes: list[str] = []
    if lines and _EXCELS.fullmatch(lines[0]):
        raise NoRowsError("it is Excel's own line, and no row: take it away, as `tail -n +2` does")
    delimiter, rows = _delimiter(lines, notes)
    if not rows:
        raise NoRowsError("the file is empty, or its first rows cannot be read: are its line ends \\n, or \\r\\n?")
    # Replay takes the first line for the measure of all others.
    width = len(rows[0])
    if len(rows) > 1 and (common := Counter(map(len, rows[1:])).most_common(1)[0][0]) != width:
        if width not in map(len, rows[1:]):
            raise NoRowsError(
                f"{width} field{'' if width == 1 else 's'}, and the rows below have {common}: give it as many, or "
                f"take it away as `tail -n +2` does, if it is no header"
            )
        notes.append(f"most rows have {common} fields, and the first line has {width}, which is what counts")
    has_header = _has_header(rows, width, notes)
    if has_header and _first(lines, delimiter) != rows[0]:
        raise NoRowsError("it is empty, or no CSV, and has to name the columns")
    return Dialect(delimiter, rows[0] if has_header else None, width, tuple(notes))


def delimiter_of(lines: Sequence[str], notes: list[str]) -> str:
    """Return what stands between the cells of ``lines``."""
    return _delimiter(lines, notes)[0]


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the first rows, of those that can be read."""
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    found: list[list[str]] = []
    while len(found) < _LOOKED_AT:
        try:
            found.append(next(reader))
        except StopIteration:
            break
        except csv.Error:
            continue
    return [row for row in found if row]


def _first(lines: Sequence[str], delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader(lines, strict=True, delimiter=delimiter))
    except csv.Error:
        return None


def _delimiter(lines: Sequence[str], notes: list[str]) -> tuple[str, list[list[str]]]:
    for delimiters in (_FIRST, _THEN):
        read = {delimiter: _rows(lines, delimiter) for delimiter in delimiters}
        scores = {delimiter: _score(rows) for delimiter, rows in read.items() if rows}
        fitting = {delimiter: score for delimiter, score in scores.items() if score is not None}
        if fitting:
            best = max(fitting, key=lambda delimiter: fitting[delimiter])
            if len(fitting) > 1:
                others = " and ".join(repr(other) for other in fitting if other != best)
                notes.append(f"source.delimiter: {best!r} splits the rows; {others} would, too")
            return best, read[best]
    for delimiter in _FIRST:
        if not any(delimiter in line for line in lines):
            return delimiter, _rows(lines, delimiter)
    return "\x1f", _rows(lines, "\x1f")


def _score(rows: list[list[str]]) -> tuple[float, float, int] | None:
    """Return how well rows are split: alike, into cells that look like values, into many; None: not into several."""
    width, count = Counter(map(len, rows)).most_common(1)[0]
    if width < 2 or count < len(rows) * _MOSTLY:
        return None
    cells = [cell for row in rows[:50] for cell in row]
    typed = sum(_LOOKS_TYPED.fullmatch(cell) is not None for cell in cells) / len(cells)
    return (round(count / len(rows), 2), round(typed, 1), width)


def _has_header(rows: list[list[str]], width: int, notes: list[str]) -> bool:
    first, others = rows[0], [row for row in rows[1:] if len(row) == width]
    if not others:
        return not any(_LOOKS_TYPED.fullmatch(cell) for cell in first)
    votes = _votes(first, others)
    if any(vote > 0 for vote in votes):
        return True
    if any(vote < 0 for vote in votes):
        if sum(vote < 0 for vote in votes) < len(first) and all(first) and len(set(first)) == len(first):
            notes.append(
                "source.header: the first row looks like the others; if it names the columns, say `header: true`"
            )
        return False
    named = all(first) and len(set(first)) == len(first)
    said = "its first line is taken for the columns' names" if named else "its first line is taken for a row"
    notes.append(f"source.header: all columns are text, and {said}")
    return named


def are_names(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a cell of ``first`` is none of the values of its column in ``others``, which are as wide."""
    return any(vote > 0 for vote in _votes(first, others))


def _votes(first: Sequence[str], others: Sequence[Sequence[str]]) -> list[int]:
    return [
        _vote(first[place], [row[place] for row in others])
        for place in range(min(len(first), len(others[0]), _COLUMNS_LOOKED_AT))
    ]


def _vote(cell: str, others: Sequence[str]) -> int:
    """Return 1 where ``cell`` is none of the values below it, -1 where it may be one, 0 where that says nothing."""
    below, all_of_it = TextColumn(), TextColumn()
    below.add(pa.array(others, pa.string()))
    if not below.any_value or below.is_text or not cell:
        return 0
    all_of_it.add(pa.array([*others, cell], pa.string()))
    return 1 if all_of_it.is_text else -1
