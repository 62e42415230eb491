"""A row of a data file, however it was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contract.errors import SourceFileError
from pipeline.cells import Value

Row = dict[str, Value]
OnBad = Callable[[SourceFileError], None]


@dataclass(frozen=True)
class SourceRow:
    """``number`` counts the data rows from 0, the unreadable ones too; a Parquet file's row n is line n + 1.

    ``path`` is the row's file, where several are read one behind the other.
    """

    number: int
    line: int
    values: Row
    path: str | None = None
