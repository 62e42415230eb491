"""Which of the readings that a column of text has is meant: its type, its keys of the stream file, its facts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from contract.column_types import is_numeric
from contract.file_format import Mark
from contract.moment import PER_SECOND
from contract.proposal import ColumnFacts
from pipeline.describe.arrow_column import ArrowColumn
from pipeline.describe.json_column import JsonColumn
from pipeline.describe.numbers import Numbers
from pipeline.describe.text_column import MARKS, SURE_WORDS, TextColumn

Marks = tuple[Mark, Mark | None]
_PLAIN: Final[Marks] = (".", None)
_NAMES_A_TIME = re.compile(r"time|date|stamp|epoch|created|updated|modified|when|(^|_)(ts|at)$", re.IGNORECASE)
_NAMES_A_THING = re.compile(
    r"(^|_)(ids?|key|uuid|guid|no|nr|num|number|code|zip|zipcode|postcode|phone|index|idx|isbn|asin|ssn|fips)$",
    re.IGNORECASE,
)
_SAYS_CODE = re.compile(r"code|codice|codigo|kode|numeric|isbn|nummer|(^|[_\W])id([_\W]|$)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Seconds between 1973 and 2103.
_EPOCHS = (10**8, 42 * 10**8)
_DAYS = (1800_01_01, 2199_12_31)
_DENSE = 2


@dataclass
class Meaning:
    """What a column is taken for."""

    type: str
    keys: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    low: float | None = None
    high: float | None = None
    varies: bool = True


def meaning_of(name: str, column: TextColumn | ArrowColumn | JsonColumn, marks: Marks) -> Meaning:
    """Return what ``column`` is taken for, in a file whose numbers have ``marks``."""
    if isinstance(column, ArrowColumn):
        notes = [_NO_ZONE] if column.without_zone and column.type == "timestamp" else []
        found = Meaning(column.type, {}, notes, column.low, column.high, column.varies)
        return _as_epoch(name, found)
    if isinstance(column, JsonColumn):
        if column.is_bool:
            return Meaning("bool")
        column = column.text
    if column.booleans is not None and column.any_value and column.booleans.are_meant:
        return Meaning("bool")
    if (numbers := _numbers(column, marks)) is not None and numbers.type is not None:
        keys = {"percent": True} if numbers.numerals.percent else {}
        notes = [_EIGHT_DIGITS] if _may_be_days(numbers) else []
        return _as_epoch(name, Meaning(numbers.type, keys, notes, numbers.low, numbers.high))
    return _when(column) if column.times and column.any_value else _text(column)


_NO_ZONE = "names no zone, and is taken for UTC; `zone: Europe/Berlin` would say another"


_EIGHT_DIGITS = 'numbers that may be days, as 20130101 is; `{type: date, format: "%Y%m%d"}` would read them so'


def _may_be_days(numbers: Numbers) -> bool:
    """Whether the smallest and the largest are a year between 1800 and 2199, a month and a day."""
    if numbers.type != "int64" or not _DAYS[0] <= numbers.low <= numbers.high <= _DAYS[1]:
        return False
    try:
        return all(date.fromisoformat(f"{bound:.0f}") for bound in (numbers.low, numbers.high))
    except ValueError:
        return False


def _numbers(column: TextColumn, marks: Marks) -> Numbers | None:
    if not column.any_value:
        return None
    fitting = [found for found in column.numbers if (found.numerals.decimal, found.numerals.thousands) == marks]
    return next((found for found in fitting if found.type is not None), None)


def _when(column: TextColumn) -> Meaning:
    times = column.times[0]
    found = Meaning(
        times.kind, {} if times.pattern is None else {"format": times.pattern}, varies=len(times.clocks) > 1
    )
    others = [other.pattern for other in column.times[1:] if other.kind == times.kind and other.pattern]
    if times.pattern is not None and others:
        found.notes.append(f"may be {' or '.join(others)} as well: all of its values fit both")
    if times.kind == "timestamp" and times.without_zone:
        found.notes.append(_NO_ZONE)
    return found


def _text(column: TextColumn) -> Meaning:
    if column.any_value and column.numbers:
        return Meaning("string", notes=["numbers, written otherwise than those of other columns"])
    if column.odd is not None:
        said, text = column.odd
        return Meaning("string", notes=[f"text, for {said} are not all: row {column.odd_row:,} has {text[:40]!r}"])
    return Meaning("string")


def _as_epoch(name: str, found: Meaning) -> Meaning:
    """Return a whole number that counts from 1970, by its size and by its column's name, as a time."""
    if found.type != "int64" or found.keys or found.low is None or found.high is None:
        return found
    if not _NAMES_A_TIME.search(snake(name)):
        return found
    for unit, per_second in PER_SECOND.items():
        if _EPOCHS[0] * per_second <= found.low and found.high <= _EPOCHS[1] * per_second:
            note = f"taken for a time that counts {unit} from 1970, by its name and its size"
            return Meaning("timestamp", {"epoch": unit}, [note], varies=found.high > found.low)
    return found


def marks_of(columns: Iterable[TextColumn], delimiter: str, notes: list[str]) -> Marks:
    """Return the marks under which most columns are numbers."""
    order = sorted(MARKS, key=lambda marks: (marks != _PLAIN, delimiter == ";" and marks != (",", None)))
    votes = dict.fromkeys(order, 0)
    for column in columns:
        if column.any_value:
            for marks in {(found.numerals.decimal, found.numerals.thousands) for found in column.numbers if found.type}:
                votes[marks] += 1
    best = max(order, key=lambda marks: votes[marks])
    rivals = [marks for marks in order if votes[marks] == votes[best] and marks[0] != best[0]]
    if best != _PLAIN and rivals:
        notes.append(
            f"source.decimal: {best[0]!r} stands before a fraction; {rivals[0][0]!r} would read all numbers as well"
        )
    return best


def null_words(columns: Collection[TextColumn], types: Sequence[str]) -> list[str]:
    """Return the words that mean a missing value: in numbers and times any of them, in text those that surely do."""
    found: dict[str, None] = {}
    for column, kind in zip(columns, types, strict=True):
        found |= dict.fromkeys(word for word in column.words if kind != "string" or word in SURE_WORDS)
    return sorted(found)


def facts_of(
    name: str,
    *,
    own_name: str,
    column: TextColumn | ArrowColumn | JsonColumn,
    meaning: Meaning,
    missing: int,
    rows: int,
) -> ColumnFacts:
    """Return what is known of a column; ``own_name`` is what the file calls it."""
    seen = column.text if isinstance(column, JsonColumn) else column
    distinct = seen.distinct
    unique = missing == 0 and rows > 0 and meaning.type in {"int64", "int32", "string"} and distinct.are_unique
    whole = meaning.type in {"int64", "int32"}
    differs = rows > missing and distinct.are_unique
    # A measure with one cell that is none would be the longest id.
    unique = unique and getattr(seen, "odd", None) is None
    dense = whole and unique and meaning.low is not None and (meaning.high or 0) - meaning.low < _DENSE * rows
    names_a_thing = meaning.type in {"int64", "int32", "string"} and _NAMES_A_THING.search(snake(own_name)) is not None
    count = distinct.count
    if meaning.type.startswith("float") and isinstance(seen, ArrowColumn):
        count = None if meaning.low != meaning.high else 1
    if is_numeric(meaning.type) and meaning.low is not None and meaning.low == meaning.high:
        count = 1
    coded = whole and differs and _SAYS_CODE.search(own_name) is not None
    is_id = dense or coded or (names_a_thing and count != 1)
    return ColumnFacts(
        name, meaning.type, rows, missing, seen.missing_share(meaning.type), count, unique, is_id, meaning.low,
        meaning.high, getattr(seen, "longest", 0), meaning.varies, seen.runs.same_in_a_third,
    )  # fmt: skip


def snake(name: str) -> str:
    """Return ``name`` with its words apart: `userId` is `user_Id`, and `user_id:token` `user_id`."""
    return re.sub(r"[^A-Za-z0-9]+", "_", _CAMEL.sub("_", name.partition(":")[0])).strip("_")
