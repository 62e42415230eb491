"""A data file becomes a description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.column_types import may_be_id
from contract.kind import kinds
from contract.proposal import ColumnFacts, Proposal, Table
from pipeline.describe.column_meaning import Meaning, facts_of, marks_of, meaning_of, null_words, snake
from pipeline.describe.description import DescribedColumn, Description
from pipeline.describe.json_column import JsonColumn
from pipeline.describe.names import column_names, stream_name
from pipeline.describe.tables import FileTable, Found, Key
from pipeline.describe.text_column import TextColumn

BATCHES = 3
_LONGEST_ID = 64
_PREFERRED_TIMES = ("event_time", "timestamp", "time", "datetime", "date_time", "created_at", "date", "ts")


@dataclass
class _Column:
    key: Key
    name: str
    found: Found
    meaning: Meaning
    missing: int


def description_of(table: FileTable, path: Path, name: str | None = None) -> Description:
    """Return what a stream file called ``name`` says of ``table``, which was found at ``path``."""
    usable, unusable = _usable(table)
    notes = list(table.notes)
    texts = [found.text if isinstance(found, JsonColumn) else found for found in usable.values()]
    texts_only = [found for found in texts if isinstance(found, TextColumn)]
    marks = marks_of(texts_only, str(table.source.get("delimiter", ",")), notes)
    names = column_names([_own_name(key) for key in usable])
    meanings = [meaning_of(_own_name(key), found, marks) for key, found in usable.items()]
    cells = [
        (found, meaning.type)
        for found, meaning in zip(usable.values(), meanings, strict=True)
        if isinstance(found, TextColumn)
    ]
    words = null_words([found for found, _ in cells], [kind for _, kind in cells])
    columns = [
        _Column(key, name, found, meaning, _missing(found, words))
        for (key, found), name, meaning in zip(usable.items(), names, meanings, strict=True)
    ]
    facts = [
        facts_of(
            c.name, own_name=_own_name(c.key), column=c.found, meaning=c.meaning, missing=c.missing, rows=table.rows
        )
        for c in columns
    ]
    when = event_time(facts)
    found_table = Table(table.rows, -(-table.rows // BATCHES), facts, when)
    _tell(table, notes)
    called = stream_name(name or _bare(path))
    return Description(
        name=called, topic=called, what=_what(table, path), table=found_table,
        columns=[_described(column, table.rows) for column in columns], proposal=best_proposal(found_table),
        source=_source(table, marks), null_values=["", *words], id=row_id(facts), event_time=when, notes=notes,
        not_columns=unusable,
    )  # fmt: skip


def _usable(table: FileTable) -> tuple[dict[Key, Found], dict[str, str]]:
    faults = {key: found.fault for key, found in table.columns.items() if not isinstance(found, TextColumn)}
    unusable = {str(key): fault for key, fault in faults.items() if fault is not None}
    unusable |= {str(key): reason for key, reason in table.elsewhere.items()}
    return {key: found for key, found in table.columns.items() if str(key) not in unusable}, unusable


def _own_name(key: Key) -> str:
    return key if isinstance(key, str) else f"column_{key}"


def _missing(found: Found, words: Sequence[str]) -> int:
    if isinstance(found, TextColumn) and found.null_words:
        return found.empty + sum(found.words[word] for word in words)
    seen = found.text if isinstance(found, JsonColumn) else found
    return sum(missing for _, missing in seen.missing)


def _described(column: _Column, rows: int) -> DescribedColumn:
    keys: dict[str, Any] = dict(column.meaning.keys)
    if column.key != column.name:
        keys["from"] = column.key
    notes = list(column.meaning.notes)
    if rows and column.missing >= rows:
        notes.append("no value in any row")
    return DescribedColumn(column.name, column.meaning.type, rows > 0 and column.missing == 0, keys, "; ".join(notes))


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


def _source(table: FileTable, marks: tuple[str, str | None]) -> dict[str, Any]:
    decimal, thousands = marks
    found = dict(table.source)
    if decimal != ".":
        found["decimal"] = decimal
    if thousands is not None:
        found["thousands"] = thousands
    return found


def _tell(table: FileTable, notes: list[str]) -> None:
    if table.bad:
        notes.append(
            f"{table.bad:,} rows cannot be read, and `replay --skip-bad` leaves them out; the first: {table.first_bad}"
        )


def _bare(path: Path) -> str:
    name = "stdin" if path.name == "-" else path.resolve().name
    return name.partition(".")[0] or name


def _what(table: FileTable, path: Path) -> str:
    return f"{table.rows:,} rows of {path.name or path}"
