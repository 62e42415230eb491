"""Columns that are places of one list have one type, for a list is read as values of one."""

from __future__ import annotations

from collections.abc import Sequence

from contract.column_types import is_numeric
from contract.record_path import RecordPath, meanings, record_path
from pipeline.describe.column_meaning import Meaning

_SAFE_WHOLE = 2**53
_IN_TEXT = frozenset({"string", "timestamp", "date", "time"})
_OF_TEXT = frozenset({"format", "zone"})


def as_one_type(found: Sequence[Meaning]) -> list[bool]:
    """Give the places of each list among ``found`` one type, if there is one; return of which places there is none."""
    lists: dict[RecordPath, list[Meaning]] = {}
    for meaning in found:
        if (path := _any_place(meaning)) is not None:
            lists.setdefault(path, []).append(meaning)
    for places in lists.values():
        _unite(places)
    seen: dict[RecordPath, str] = {}
    return [_is_other(meaning, seen) for meaning in found]


def _unite(places: Sequence[Meaning]) -> None:
    types = {place.type for place in places}
    if len(types) == 1 or any("epoch" in place.keys for place in places):
        return
    if all(map(is_numeric, types)) and all(_is_double(place) for place in places):
        for place in places:
            place.type = "float64"
    elif types <= _IN_TEXT:
        for place in places:
            place.type = "string"
            place.keys = {key: value for key, value in place.keys.items() if key not in _OF_TEXT}


def _is_double(place: Meaning) -> bool:
    low, high = place.low, place.high
    is_safe = low is not None and high is not None and -_SAFE_WHOLE <= low <= high <= _SAFE_WHOLE
    return place.type.startswith("float") or (place.type.startswith("int") and is_safe)


def _is_other(meaning: Meaning, seen: dict[RecordPath, str]) -> bool:
    """Whether something on the way to a place is not what it is to the places before, which are in ``seen``."""
    if (path := _any_place(meaning)) is None:
        return False
    epoch = meaning.keys.get("epoch")
    own = {
        place: f"{meaning.type} {epoch}" if meant == "a value" else meant
        for place, meant in meanings(path) if 0 in place.steps
    }  # fmt: skip
    if any(seen.get(place, said) != said for place, said in own.items()):
        return True
    seen |= own
    return False


def _any_place(meaning: Meaning) -> RecordPath | None:
    """Return the path of a column with any place of a list in it, None where no list is on the way."""
    if "path" not in meaning.keys:
        return None
    path = record_path(str(meaning.keys["path"]))
    if all(isinstance(step, str) for step in path.steps):
        return None
    return RecordPath(tuple(step if isinstance(step, str) else 0 for step in path.steps))
