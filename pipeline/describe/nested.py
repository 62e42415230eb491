"""The values of nested JSON objects, each at its path, as columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from contract.record_path import MOST_STEPS, RecordPath, Step, kind_of
from pipeline.describe.arrow_column import ArrowColumn
from pipeline.describe.text_column import TextColumn

MOST_ITEMS = 4
"""Places of a list that become columns: a longer one is no row's."""
MOST_PATHS = 5_000
"""Places that are looked at; an object that is a map of names has no end of them."""
TOO_MANY = f"there are more than {MOST_PATHS:,} places for values in its objects: those found later are no columns"
_NO_NAME, _NO_PLACE = "\0", -1
_LEAVES: dict[type, pa.DataType] = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


@dataclass
class Leaf:
    """What lies at one path in all objects: its values, null where one has none, or why it is no column."""

    path: RecordPath
    values: list[object] = field(default_factory=list)
    fault: str | None = None


def leaves_of(records: Sequence[Mapping[str, object]], notes: list[str]) -> list[Leaf]:
    """Return what lies at each path of ``records``, in the order in which the paths are met."""
    is_full = False
    found: dict[tuple[Step, ...], Leaf] = {}
    for number, record in enumerate(records):
        for steps, value in walk(record, ()):
            if (leaf := found.get(steps)) is None:
                if is_full := len(found) >= MOST_PATHS:
                    continue
                leaf = found[steps] = Leaf(RecordPath(steps))
            leaf.values.extend([None] * (number - len(leaf.values)))
            leaf.values.append(value)
    for leaf in found.values():
        leaf.values.extend([None] * (len(records) - len(leaf.values)))
    _refuse_mixed(found)
    if is_full:
        notes.append(TOO_MANY)
    return [leaf for steps, leaf in found.items() if not leads_nowhere(steps)]


def leads_nowhere(steps: tuple[Step, ...]) -> bool:
    """Whether a path only says that an object, or a list, is where it leads through."""
    return steps[-1] in {_NO_NAME, _NO_PLACE}


def is_half(value: object) -> bool:
    """Whether ``value`` is text with half of a character of UTF-16, as JSON may write it, and no UTF-8 can."""
    if not isinstance(value, str) or value.isascii():
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def walk(value: object, steps: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], object]]:
    """Yield each value inside ``value`` and its path; a list that is too long is yielded itself.

    Of an empty object, or list, comes a path that leads into it and nowhere (:func:`leads_nowhere`).
    """
    if isinstance(value, dict) and value and len(steps) < MOST_STEPS:
        for name, inner in value.items():
            yield from walk(inner, (*steps, name))
    elif isinstance(value, list) and 0 < len(value) <= MOST_ITEMS and steps and len(steps) < MOST_STEPS:
        for place, inner in enumerate(value):
            yield from walk(inner, (*steps, place))
    elif steps and value == {} and isinstance(value, dict):
        yield (*steps, _NO_NAME), None
    elif steps and value == []:
        yield (*steps, _NO_PLACE), None
    elif steps:
        yield steps, value


def _refuse_mixed(found: Mapping[tuple[Step, ...], Leaf]) -> None:
    """Say of each path why it can be no column: it is of several types, or leads through a value."""
    inner = {steps[:depth] for steps in found for depth in range(1, len(steps))}
    values = {steps for steps, leaf in found.items() if any(value is not None for value in leaf.values)}
    torn_at = torn(found, place_of=of_any_place)
    any_inner, any_values = set(map(of_any_place, inner)), set(map(of_any_place, values))
    alike: dict[tuple[Step, ...], set[type]] = {}
    for steps, leaf in found.items():
        alike.setdefault(of_any_place(steps), set()).update(type(value) for value in leaf.values if value is not None)
    for steps, leaf in found.items():
        kinds = {type(value) for value in leaf.values if value is not None}
        through = next((steps[:depth] for depth in range(1, len(steps)) if steps[:depth] in values), None)
        if steps in torn_at:
            leaf.fault = torn_at[steps]
        elif through is not None:
            leaf.fault = f"{RecordPath(through)} is {kind_of(_first(found[through]))} in some records"
        elif steps in inner and steps in values:
            leaf.fault = "it is an object or a list in other records"
        elif steps in inner:
            leaf.fault = ""
        elif kinds & {dict, list}:
            leaf.fault = f"a list of more than {MOST_ITEMS}, or one that is deep"
        elif kinds == {int} and _too_wide(leaf.values):
            leaf.fault = "its whole numbers do not fit into 64 bits"
        elif (of_any_place(steps) in any_inner) or any(
            of_any_place(steps[:depth]) in any_values for depth in range(1, len(steps))
        ):
            leaf.fault = "a list whose values are not all of one type"
        elif (among := alike[of_any_place(steps)]) != kinds and not (kinds and among == {int, float}):
            # A place that is always null would be text in a list of numbers.
            leaf.fault = "a list whose values are not all of one type"
        elif len(kinds) > 1 and kinds != {int, float}:
            leaf.fault = "it is " + " and ".join(sorted({kind_of(value) for value in leaf.values if value is not None}))
        elif among == {int, float}:
            leaf.values = [float(value) if isinstance(value, int) else value for value in leaf.values]


def of_any_place(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return a path with any place of a list in it: Arrow knows one type for all of them."""
    return tuple(0 if isinstance(step, int) else step for step in steps)


def torn(
    paths: Collection[tuple[Step, ...]], place_of: Callable[[tuple[Step, ...]], tuple[Step, ...]] = tuple
) -> dict[tuple[Step, ...], str]:
    """Return why some of ``paths`` cannot be columns together: they lead through a place that is both of two things."""
    behind: dict[tuple[Step, ...], set[type]] = {}
    for steps in paths:
        for depth in range(1, len(steps)):
            behind.setdefault(place_of(steps[:depth]), set()).add(type(steps[depth]))
    found: dict[tuple[Step, ...], str] = {}
    for steps in paths:
        for place in (steps[:depth] for depth in range(1, len(steps))):
            if len(behind[place_of(place)]) > 1:
                found[steps] = f"{RecordPath(place)} is an object in some records, and a list in others"
    return found


def _too_wide(values: Sequence[object]) -> bool:
    numbers = [value for value in values if isinstance(value, int)]
    return max(numbers) >= 2**63 and min(numbers) < 0


def _first(leaf: Leaf) -> object:
    return next(value for value in leaf.values if value is not None)


def column_of(leaf: Leaf) -> TextColumn | ArrowColumn:
    """Return what the values of a leaf are, which are all of one type."""
    kinds = {type(value) for value in leaf.values if value is not None}
    kind = pa.float64() if kinds == {int, float} else _LEAVES[next(iter(kinds), str)]
    if kind == pa.int64() and max(value for value in leaf.values if isinstance(value, int)) >= 2**63:
        kind = pa.uint64()
    column = TextColumn(null_words=False) if kind == pa.string() else ArrowColumn(kind)
    column.add(pa.array(_floats(leaf.values) if kind == pa.float64() else leaf.values, kind))
    if isinstance(column, TextColumn):
        # Landing reads text of ISO 8601 alone, and no number of text.
        column.numbers, column.booleans, column.odd = [], None, None
        column.times = [times for times in column.times if times.pattern is None]
    return column


def _floats(values: Sequence[object]) -> list[float | None]:
    return [float(value) if isinstance(value, int | float) else None for value in values]
