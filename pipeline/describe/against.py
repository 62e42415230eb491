"""What has changed between a stream file and a table: columns that came and went, types, values that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contract.column_types import decimal_digits, is_numeric
from contract.proposal import ColumnFacts
from contract.stream import Stream
from contract.stream_sections import Column
from pipeline.describe.description import DescribedColumn, Description

What = Literal["added", "removed", "widened", "narrowed", "changed", "missing"]
_BITS = {"int32": 31, "int64": 63}


@dataclass(frozen=True)
class Change:
    """One thing that is not as the stream file says; ``breaks``: rows would be refused or rejected for it."""

    column: str
    what: What
    said: str
    breaks: bool

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.column}: {self.what}: {self.said}" + (" (breaks)" if self.breaks else "")


def changes(stream: Stream, found: Description) -> Iterator[Change]:
    """Yield what of the table ``found`` is not as ``stream`` says."""
    facts = {column.name: column for column in found.table}
    here = {_place_found(column): column for column in found.columns if column.name in facts}
    known = {_place_said(stream, name, records=found.of_records): name for name in stream.columns}
    for place, name in known.items():
        if place is None:
            continue
        column = stream.columns[name]
        if (twin := here.get(place)) is None:
            gone = f"the stream file has it as {column.type}, and nothing is there"
            yield Change(name, "removed", gone, breaks=column.required or not found.of_records)
            continue
        yield from _of_column(name, column, twin, facts[twin.name], found)
    for place, twin in here.items():
        if place not in known:
            yield Change(twin.name, "added", f"the stream file does not have it; it is {twin.type}", breaks=False)


def _place_found(column: DescribedColumn) -> str:
    return str(column.keys.get("from", column.keys.get("path", column.name)))


def _place_said(stream: Stream, name: str, *, records: bool) -> str | None:
    """Return where a column of the stream file is; None where that is beside the records' values."""
    column = stream.columns[name]
    if not column.in_value:
        return None
    if records and stream.records.format != "csv":
        return column.path or name
    return str(stream.name_in_file(name)) if column.name_in_file is not None or column.path is None else column.path


def _of_column(
    name: str, column: Column, twin: DescribedColumn, facts: ColumnFacts, found: Description
) -> Iterator[Change]:
    if facts.missing and column.required:
        yield Change(name, "missing", f"required, and {facts.missing:,} of {facts.rows:,} have none", breaks=True)
    if column.type == twin.type or facts.missing == facts.rows:
        return
    said = f"{column.type} in the stream file, {twin.type} here"
    if _holds(column, twin, facts, is_text=not found.of_records):
        yield Change(name, "narrowed", said, breaks=False)
    else:
        wider = is_numeric(column.type) and (is_numeric(twin.type) or twin.type == "string")
        yield Change(name, "widened" if wider else "changed", said, breaks=True)


def _holds(column: Column, twin: DescribedColumn, facts: ColumnFacts, *, is_text: bool) -> bool:
    """Whether the declared type holds all values that were found."""
    declared, found = column.type, twin.type
    if declared == "string":
        return is_text
    if declared == "timestamp":
        return found == ("date" if column.epoch is None else "int64") and column.format is None
    return _holds_number(declared, found, facts, is_text=is_text)


def _holds_number(declared: str, found: str, facts: ColumnFacts, *, is_text: bool) -> bool:
    whole = found in _BITS and facts.low is not None and facts.high is not None
    if declared in _BITS and whole:
        return -(2.0 ** _BITS[declared]) <= (facts.low or 0) and (facts.high or 0) < 2.0 ** _BITS[declared]
    if declared in {"float32", "float64"}:
        return found in {"float32", "float64", "int32"} or (whole and max(-(facts.low or 0), facts.high or 0) <= 2**53)
    if (digits := decimal_digits(declared)) is not None:
        return _fits(digits, found, facts)
    return declared == "bool" and is_text and whole and (facts.low or 0) >= 0 and (facts.high or 0) <= 1


def _fits(digits: tuple[int, int], found: str, facts: ColumnFacts) -> bool:
    precision, scale = digits
    if (others := decimal_digits(found)) is not None:
        return others[1] <= scale and others[0] - others[1] <= precision - scale
    largest = max(-(facts.low or 0), facts.high or 0)
    return found in _BITS and len(str(int(largest))) <= precision - scale
