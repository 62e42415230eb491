"""A data file becomes a description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.column_types import may_be_id
from contract.errors import SourceFileError
from contract.kind import kinds
from contract.proposal import ColumnFacts, Proposal, Table
from contract.record_path import RecordPath
from pipeline.describe.column_meaning import Marks, Meaning, facts_of, marks_of, meaning_of, null_words, snake
from pipeline.describe.description import DescribedColumn, Description
from pipeline.describe.json_column import JsonColumn
from pipeline.describe.names import column_names, stream_name
from pipeline.describe.one_type import as_one_type
from pipeline.describe.tables import FileTable, Found, Key
from pipeline.describe.text_column import TextColumn
from pipeline.replay.opened import STANDARD_INPUT

BATCHES = 3
_LONGEST_ID = 64
_PREFERRED_TIMES = ("event_time", "timestamp", "time", "datetime", "date_time", "created_at", "date", "ts")


@dataclass
class TableColumn:
    """A column of a table: what the table calls it, its own name, and what it is taken for."""

    key: Key
    name: str
    found: Found
    meaning: Meaning
    missing: int


def description_of(table: FileTable, path: Path, name: str | None = None) -> Description:
    """Return what a stream file called ``name`` says of ``table``, which was found at ``path``.

    Raises
    ------
    SourceFileError: it has no column that a stream file can have.
    """
    usable, unusable = _usable(table)
    if not usable:
        first = ": ".join(next(iter(unusable.items()), ("", "it has none")))
        raise SourceFileError(str(path), None, None, f"no column of it can be one of a stream file; the first, {first}")
    notes = list(table.notes)
    texts = [found.text if isinstance(found, JsonColumn) else found for found in usable.values()]
    cells = [found for found in texts if isinstance(found, TextColumn)]
    marks = marks_of(cells, str(table.source.get("delimiter", ",")), notes)
    columns, words = columns_of(usable, marks, table.labels)
    columns = of_one_type(columns, unusable)
    called = stream_name(name or _bare(path))
    _tell(table, notes)
    return finished(
        columns, table.rows, table.rows, name=called, topic=called, what=_what(table, path),
        source=_source(table, marks, path), null_values=["", *words], notes=notes, not_columns=unusable,
    )  # fmt: skip


def columns_of(
    usable: Mapping[Key, Found], marks: Marks, labels: Mapping[Key, str]
) -> tuple[list[TableColumn], list[str]]:
    """Return the columns with what they are taken for, and the words that mean a missing value."""
    names = column_names([labels.get(key, _plain_name(key)) for key in usable])
    meanings = [meaning_of(_own_name(key), found, marks) for key, found in usable.items()]
    typed = [
        (found, meaning.type)
        for found, meaning in zip(usable.values(), meanings, strict=True) if isinstance(found, TextColumn)
    ]  # fmt: skip
    words = null_words([found for found, _ in typed], [kind for _, kind in typed])
    columns = [
        TableColumn(key, name, found, meaning, _missing(found, words))
        for (key, found), name, meaning in zip(usable.items(), names, meanings, strict=True)
    ]
    for column in columns:
        if isinstance(column.key, RecordPath):
            column.meaning.keys["path"] = str(column.key)
        elif column.key != column.name:
            column.meaning.keys["from"] = column.key
    return columns, words


def of_one_type(columns: Sequence[TableColumn], faults: dict[str, str]) -> list[TableColumn]:
    """Return ``columns`` without those that are places of a list and of another type than the others of it."""
    others = as_one_type([column.meaning for column in columns])
    left_out = [column for column, is_other in zip(columns, others, strict=True) if is_other]
    faults |= {str(column.key): "it is of another type than the other places of its list" for column in left_out}
    return [column for column, is_other in zip(columns, others, strict=True) if not is_other]


def finished(
    columns: Sequence[TableColumn], rows: int, total: int, *, notes: Sequence[str], all_seen: bool = True, **said: Any
) -> Description:
    """Return the description of a table of ``columns``, of which ``rows`` were looked at and ``total`` are there."""
    facts = [
        facts_of(
            c.name, own_name=_own_name(c.key), column=c.found, meaning=c.meaning, missing=c.missing, rows=rows
        ) for c in columns
    ]  # fmt: skip
    when = event_time(facts)
    table = Table(rows, -(-total // BATCHES), facts, when)
    return Description(
        table=table, columns=[_described(column, rows, all_seen=all_seen) for column in columns], id=row_id(facts),
        proposal=best_proposal(table), event_time=when, notes=notes, **said,
    )  # fmt: skip


def _usable(table: FileTable) -> tuple[dict[Key, Found], dict[str, str]]:
    faults = {key: found.fault for key, found in table.columns.items() if not isinstance(found, TextColumn)}
    unusable = {key: fault for key, fault in faults.items() if fault is not None} | table.elsewhere
    said = {f"column {key}" if isinstance(key, int) else str(key): reason for key, reason in unusable.items()}
    return {key: found for key, found in table.columns.items() if key not in unusable}, said


def _own_name(key: Key) -> str:
    return f"column_{key}" if isinstance(key, int) else str(key)


def _plain_name(key: Key) -> str:
    return "_".join(map(str, key.steps)) if isinstance(key, RecordPath) else _own_name(key)


def _missing(found: Found, words: Sequence[str]) -> int:
    if isinstance(found, TextColumn) and found.null_words:
        return found.empty + sum(found.words[word] for word in words)
    seen = found.text if isinstance(found, JsonColumn) else found
    return sum(missing for _, missing in seen.missing)


def _described(column: TableColumn, rows: int, *, all_seen: bool) -> DescribedColumn:
    notes = list(column.meaning.notes)
    if rows and column.missing >= rows:
        notes.append("no value in any row")
    required = all_seen and rows > 0 and column.missing == 0
    return DescribedColumn(column.name, column.meaning.type, required, column.meaning.keys, "; ".join(notes))


def event_time(facts: Sequence[ColumnFacts]) -> str | None:
    """Return the column that says when a row happened, of those that always do."""
    times = [column for column in facts if column.type == "timestamp" and not column.missing and column.rows]
    preferred = {name: place for place, name in enumerate(_PREFERRED_TIMES)}
    times.sort(key=lambda column: preferred.get(snake(column.name).lower(), len(preferred)))
    return times[0].name if times else None


def row_id(facts: Sequence[ColumnFacts]) -> list[str]:
    """Return the column that names a row: none other is there twice, and it never lacks."""
    found = [
        column for column in facts
        if column.is_unique and not column.missing and may_be_id(column.type) and column.longest <= _LONGEST_ID
        and (column.is_id or column.type == "string")
    ]  # fmt: skip
    found.sort(key=lambda column: not column.is_id)
    return [found[0].name] if found else []


def best_proposal(table: Table) -> Proposal | None:
    """Return what the likeliest kind of model would learn from ``table``."""
    proposals = [kind.propose(table) for kind in kinds().values() if kind.propose is not None]
    return max((found for found in proposals if found is not None), key=lambda found: found.likeliness, default=None)


def _source(table: FileTable, marks: Marks, path: Path) -> dict[str, Any]:
    decimal, thousands = marks
    found = ({} if path == STANDARD_INPUT else {"path": str(path)}) | table.source
    if decimal != ".":
        found["decimal"] = decimal
    if thousands is not None:
        found["thousands"] = thousands
    return found


def _tell(table: FileTable, notes: list[str]) -> None:
    if table.bad:
        notes.append(
            f"{counted(table.bad, 'row')} cannot be read, which `replay --skip-bad` leaves out; the first: "
            f"{table.first_bad}"
        )


def _bare(path: Path) -> str:
    name = "stdin" if path.name == "-" else path.resolve().name
    return name.partition(".")[0] or name


def _what(table: FileTable, path: Path) -> str:
    return f"{counted(table.rows, 'row')} of {path.name or path}"


def counted(number: int, thing: str) -> str:
    """Return `1 row`, or `2 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
