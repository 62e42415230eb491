"""CSV lines, a record each: columns have places there, and no names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from contract.errors import ConfigurationError
from pipeline.describe.column_meaning import marks_of
from pipeline.describe.describe_file import TableColumn, columns_of
from pipeline.describe.dialect import are_names, delimiter_of
from pipeline.describe.tables import Found, Key
from pipeline.describe.text_column import TextColumn

_LOOKED_AT = 200


def csv_columns(values: Sequence[bytes]) -> tuple[list[TableColumn], int, dict[str, Any], list[str], list[str]]:
    """Return the columns of ``values``, how many are rows, what `records` says of them, null words, and notes.

    Raises
    ------
    ConfigurationError: they are no lines of text.
    """
    lines = [line for value in values if (line := _text(value)) is not None]
    if not lines:
        raise ConfigurationError("no record is UTF-8 text, JSON or framed: say --format, or what is written otherwise")
    notes: list[str] = []
    delimiter = delimiter_of(lines, notes)
    rows = [row for line in lines if (row := _cells(line, delimiter))]
    if not rows:
        raise ConfigurationError("no record is a CSV line: say --format, and how the records are written")
    width = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == width]
    if len(rows) > 1 and are_names(rows[0], rows[1 : 1 + _LOOKED_AT]):
        # Landing rejects them, and that is told; they would make text of all columns.
        rows = [row for row in rows if row != rows[0]]
    found: dict[Key, Found] = {}
    for place, cells in enumerate(zip(*rows, strict=True), start=1):
        column = TextColumn()
        column.add(pa.array(cells, pa.string()))
        found[place] = column
    texts = [column for column in found.values() if isinstance(column, TextColumn)]
    marks = marks_of(texts, delimiter, notes)
    columns, words = columns_of(found, marks, {})
    written: dict[str, Any] = {} if delimiter == "," else {"delimiter": delimiter}
    written |= {} if marks[0] == "." else {"decimal": marks[0]}
    written |= {} if marks[1] is None else {"thousands": marks[1]}
    return columns, len(rows), written, words, notes


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True, delimiter=delimiter), [])
    except csv.Error:
        return []
