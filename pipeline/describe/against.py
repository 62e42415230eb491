"""What has changed between a stream file and a table: columns that came and went, types, values that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contract.column_types import is_numeric
from contract.proposal import ColumnFacts
from contract.stream import Stream
from contract.stream_sections import Column
from pipeline.describe.describe_file import counted
from pipeline.describe.description import DescribedColumn, Description
from pipeline.describe.refusals import Refusals

What = Literal["added", "removed", "widened", "narrowed", "changed", "missing", "refused"]


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


def changes(stream: Stream, found: Description, refusals: Refusals) -> Iterator[Change]:
    """Yield what of the table ``found`` is not as ``stream`` says; ``refusals`` are what its own readers refuse."""
    told: set[str | None] = set()
    for change in (*_of_columns(stream, found, refusals), *_of_the_whole(stream, found, refusals)):
        told |= {change.column} if change.breaks else set()
        yield change
    for column, count in refusals.counts.items():
        if column not in told:
            said = f"{counted(count, 'row')} cannot be read with it; the first: {refusals.first[column]}"
            yield Change(column or "rows", "refused", said, breaks=True)


def _of_columns(stream: Stream, found: Description, refusals: Refusals) -> Iterator[Change]:
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
        yield from _of_column(name, column, twin, facts[twin.name], refusals)
    for place, twin in here.items():
        if place not in known:
            yield Change(twin.name, "added", f"the stream file does not have it; it is {twin.type}", breaks=False)


def _of_the_whole(stream: Stream, found: Description, refusals: Refusals) -> Iterator[Change]:
    """Yield what is read all the same, and means something else."""
    if refusals.other_encoding is not None:
        said = f"{stream.written.encoding} in the stream file, {refusals.other_encoding} here"
        yield Change("source.encoding", "changed", said, breaks=True)
    if new := set(found.null_values) - {*stream.null_values, ""}:
        yield Change("null_values", "changed", f"{', '.join(sorted(map(repr, new)))} may mean that, too", breaks=False)


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
    name: str, column: Column, twin: DescribedColumn, facts: ColumnFacts, refusals: Refusals
) -> Iterator[Change]:
    if facts.missing and column.required:
        yield Change(name, "missing", f"required, and {facts.missing:,} of {facts.rows:,} have none", breaks=True)
    if facts.missing == facts.rows:
        return
    epoch = twin.keys.get("epoch")
    if column.epoch is not None and epoch not in {column.epoch, None}:
        said = f"it counts {column.epoch} from 1970 in the stream file, {epoch} here"
        yield Change(name, "changed", said, breaks=True)
        return
    if column.type == twin.type:
        return
    said = f"{column.type} in the stream file, {twin.type} here"
    if not refusals.may_be_of(name):
        yield Change(name, "narrowed", said, breaks=False)
        return
    wider = is_numeric(column.type) and (is_numeric(twin.type) or twin.type == "string")
    first = refusals.first.get(name)
    yield Change(name, "widened" if wider else "changed", said + (f"; {first}" if first else ""), breaks=True)
