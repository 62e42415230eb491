"""The cells of a row, by MLflow's name of their type: what they are in JSON, and what to say of what is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from contract.moment import text_us

Cell: TypeAlias = float | int | str | bool | None
"""None is missing; a `datetime` is microseconds since 1970, UTC."""
Inputs: TypeAlias = Mapping[str, str]
"""What a row of a request has, in order: the type of each by its name."""

LEAST_LONG, MOST_LONG = -(2**63), 2**63 - 1
_Long = Annotated[int, Meta(ge=LEAST_LONG, le=MOST_LONG)]

IN_JSON: Final[Mapping[str, Any]] = {
    "double": float | None,
    "long": _Long | None,
    "string": str | None,
    "boolean": bool | None,
    "datetime": str | None,
}
"""How msgspec reads each; a time is text at first."""


def many(kind: Any) -> Any:
    """Return the type of a list of ``kind``, which is made at run time."""
    return list.__class_getitem__(kind)


ANYTHING: Final = ""
"""The type of what is no input: nothing is said of its cells."""

_TIME: Final = "an ISO 8601 time such as 2013-01-01T05:00:00Z"


def numbers(names: Iterable[str]) -> Inputs:
    """Return inputs that are all numbers."""
    return dict.fromkeys(names, "double")


def are_numbers(inputs: Inputs) -> bool:
    """Return whether all of ``inputs`` are numbers."""
    return all(kind == "double" for kind in inputs.values())


def times(inputs: Inputs) -> tuple[int, ...]:
    """Return the places of the times among ``inputs``."""
    return tuple(j for j, kind in enumerate(inputs.values()) if kind == "datetime")


def with_times(row: Sequence[Any], places: Sequence[int]) -> list[Cell]:
    """Return a row whose times, at ``places``, are text, with what they say.

    Raises
    ------
    ValueError: one of them is no time.
    """
    cells = list(row)
    for j in places:
        if cells[j] is not None:
            cells[j] = text_us(cells[j])
    return cells


def cell(value: Any, kind: str) -> Cell:
    """Return what JSON holds as a cell of type ``kind``.

    Raises
    ------
    ValueError: it is none; says what it must be, as in "must be a number or null, not a string".
    """
    return None if value is None else _READ[kind](value)


def sort_of(value: Any) -> str:
    """Return what sort of JSON ``value`` is."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _other(wanted: str, value: Any) -> ValueError:
    found = "a number with a point or exponent" if wanted == "an integer" and type(value) is float else sort_of(value)
    return ValueError(f"must be {wanted} or null, not {found}")


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _other("a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number; null is a missing value")
    return number


def _long(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _other("an integer", value)
    if not LEAST_LONG <= value <= MOST_LONG:
        raise ValueError(f"must be an integer of 64 bits, {LEAST_LONG} to {MOST_LONG}")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _other("a string", value)
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _other("true, false", value)
    return value


def _datetime(value: Any) -> int:
    if not isinstance(value, str):
        raise _other(_TIME, value)
    try:
        return text_us(value)
    except ValueError as error:
        raise ValueError(f"must be {_TIME}, within the years 1 to 9999") from error


_READ: Final[Mapping[str, Callable[[Any], Cell]]] = {
    "double": _double,
    "long": _long,
    "string": _string,
    "boolean": _boolean,
    "datetime": _datetime,
    ANYTHING: lambda _value: None,
}
