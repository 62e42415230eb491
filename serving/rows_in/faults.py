"""Finds what is wrong with a body, slowly and completely: each fault with its path, never with the value."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Never

import numpy as np
import numpy.typing as npt

from contract.errors import Fault, InvalidRequestError, MalformedRequestError
from scoring.arrays import Floats
from serving.rows_in.size import check_rows

FORMATS: Final = ("dataframe_records", "dataframe_split", "instances", "inputs")
# More would make the answer to a large body larger than the body.
MOST_FAULTS: Final = 20
_HOW: Final = 'send {"dataframe_records": [{"<feature>": <number or null>, …}]}'

Loc = tuple[str | int, ...]


class _EnoughError(Exception):
    """As many faults as are told."""


class _Faults:
    """Faults found so far, up to ``most``."""

    def __init__(self, most: int = MOST_FAULTS) -> None:
        self.found: list[Fault] = []
        self._most = most

    def add(self, loc: Loc, msg: str) -> None:
        self.found.append(Fault(loc, msg))
        if len(self.found) >= self._most:
            raise _EnoughError


class _NoneMay(_Faults):
    """Nothing is told: the first fault is enough."""

    def add(self, loc: Loc, msg: str) -> None:  # noqa: ARG002 - as above
        raise _EnoughError


_NONE: Final = _NoneMay()


def explain(body: bytes, features: tuple[str, ...]) -> Sequence[Sequence[float | None]]:
    """Return the rows in ``body``, or raise what is wrong with it.

    Raises
    ------
    MalformedRequestError: not JSON.
    InvalidRequestError: names each field that is not as it should be, twenty at most.
    """
    name, value = _given(body)
    faults = _Faults()
    rows: list[list[float | None]] = []
    with contextlib.suppress(_EnoughError):
        rows = _READERS[name](value, (name,), features, faults)
    if faults.found:
        _refuse(f"{name} is not as it should be; the features are {_named(features)}", faults.found)
    return rows


class Wrong(NamedTuple):
    """Which rows [n] cannot be answered, and the first fault of the first twenty of them, by index."""

    rows: npt.NDArray[np.bool_]
    told: dict[int, Fault]


def read_apart(body: bytes, features: tuple[str, ...]) -> tuple[Floats, Wrong]:
    """Return the rows in ``body``, [n, d], NaN where a value is missing, and those that have a fault; they are all NaN.

    Raises
    ------
    MalformedRequestError: not JSON.
    RequestTooLargeError: more rows than can be made.
    InvalidRequestError: what is wrong is not in single rows.
    """
    name, value = _given(body)
    faults = _Faults()
    loc, columns, items = _items(name, value, features, faults)
    if faults.found:
        _refuse(f"{name} is not as it should be; the features are {_named(features)}", faults.found)
    if isinstance(items, dict):
        return _by_column(items, loc, features)
    check_rows(len(items), len(features))
    order = [columns.index(feature) for feature in features]
    rows = np.full((len(items), len(features)), math.nan)
    wrong = Wrong(np.zeros(len(items), dtype=np.bool_), {})
    for i, item in enumerate(items):
        own = _Faults(most=1)
        with contextlib.suppress(_EnoughError):
            if isinstance(item, dict) and name != "dataframe_split":
                rows[i] = _record(item, (*loc, i), features, own)
                continue
            if name == "dataframe_records":
                own.add((*loc, i), f"must be an object, not {_kind(item)}")
            cells = _row(item, (*loc, i), columns, own)
            rows[i] = [cells[j] for j in order]
            continue
        wrong.rows[i] = True
        if len(wrong.told) < MOST_FAULTS:
            wrong.told[i] = own.found[0]
    return rows, wrong


def _by_column(columns: dict[str, list[Any]], loc: Loc, features: tuple[str, ...]) -> tuple[Floats, Wrong]:
    n = len(columns[features[0]])
    check_rows(n, len(features))
    rows = np.full((n, len(features)), math.nan)
    wrong = Wrong(np.zeros(n, dtype=np.bool_), {})
    for j, name in enumerate(features):
        for i, cell in enumerate(columns[name]):
            try:
                rows[i, j] = _cell(cell, (), _NONE)
            except _EnoughError:
                wrong.rows[i] = True
    rows[wrong.rows] = math.nan
    for i in np.flatnonzero(wrong.rows)[:MOST_FAULTS].tolist():
        own = _Faults(most=1)
        with contextlib.suppress(_EnoughError):
            _record({name: columns[name][i] for name in features}, (*loc, i), features, own)
        wrong.told[i] = own.found[0]
    return rows, wrong


def _items(
    name: str, value: Any, features: tuple[str, ...], faults: _Faults
) -> tuple[Loc, tuple[str, ...], list[Any] | dict[str, list[Any]]]:
    """Return path, columns and rows of what was given, or all columns; faults are those that no single row has."""
    with contextlib.suppress(_EnoughError):
        if name == "dataframe_split":
            given = value if isinstance(value, dict) else {}
            columns = columns if isinstance(columns := given.get("columns"), list) else []
            _split({**given, "data": [[None] * len(columns)]} if given else value, (name,), features, faults)
            return (name, "data"), tuple(columns), _list(given.get("data"), (name, "data"), faults)
        if name == "inputs" and isinstance(value, dict):
            _check_columns(value, (name,), features, faults)
            return (name,), features, value
        return (name,), features, _list(value, (name,), faults)
    return (name,), features, []


def _given(body: bytes) -> tuple[str, Any]:
    """Return the one format that the body is in, and what it holds."""
    fields = _parsed(body)
    if not isinstance(fields, dict):
        _refuse(f"the body is {_kind(fields)}; {_HOW}", [Fault(("body",), "must be an object")])
    named = [name for name in fields if name in FORMATS]
    others = [name for name in fields if name not in FORMATS]
    if len(named) != 1 or others:
        one_of = f"exactly one of {', '.join(FORMATS)}"
        unknown = [Fault(("body", name[:100]), "unknown field") for name in others[:MOST_FAULTS]]
        _refuse(
            f"the body must have {one_of} and nothing else; {_HOW}",
            unknown or [Fault(("body",), f"must have {one_of}")],
        )
    return named[0], fields[named[0]]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedRequestError(f"the body is not UTF-8: byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise MalformedRequestError(
            f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedRequestError("the body is not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        # Python's limit on the digits of an integer.
        raise MalformedRequestError("the body has a number with thousands of digits") from error


def _refuse(message: str, faults: Sequence[Fault]) -> Never:
    raise InvalidRequestError(message, faults)


def _named(features: tuple[str, ...], most: int = 50) -> str:
    more = f" and {len(features) - most} more" if len(features) > most else ""
    return ", ".join(features[:most]) + more


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _cell(value: Any, loc: Loc, faults: _Faults) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        faults.add(loc, f"must be a number or null, not {_kind(value)}")
        return None
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        faults.add(loc, "must be a finite number; null is a missing value")
    return number


def _list(value: Any, loc: Loc, faults: _Faults) -> list[Any]:
    if not isinstance(value, list):
        faults.add(loc, f"must be an array, not {_kind(value)}")
        return []
    if not value:
        faults.add(loc, "must not be empty")
    return value


def _record(value: dict[str, Any], loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[float | None]:
    for name in value:
        if name not in features:
            faults.add((*loc, name[:100]), "unknown feature")
    for name in features:
        if name not in value:
            faults.add((*loc, name), "absent; write null where the value is missing")
    return [_cell(value.get(name), (*loc, name), faults) for name in features]


def _row(value: Any, loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[float | None]:
    if not isinstance(value, list):
        faults.add(loc, f"must be an array of {len(features)} numbers, not {_kind(value)}")
        return []
    if len(value) != len(features):
        faults.add(loc, f"has {len(value)} values for {len(features)} features")
        return []
    return [_cell(cell, (*loc, j), faults) for j, cell in enumerate(value)]


def _records(value: Any, loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[list[float | None]]:
    rows = []
    for i, record in enumerate(_list(value, loc, faults)):
        if isinstance(record, dict):
            rows.append(_record(record, (*loc, i), features, faults))
        else:
            faults.add((*loc, i), f"must be an object, not {_kind(record)}")
    return rows


def _arrays(value: Any, loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[list[float | None]]:
    return [_row(row, (*loc, i), features, faults) for i, row in enumerate(_list(value, loc, faults))]


def _instances(value: Any, loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[list[float | None]]:
    rows = []
    for i, row in enumerate(_list(value, loc, faults)):
        read = _record if isinstance(row, dict) else _row
        rows.append(read(row, (*loc, i), features, faults))
    return rows


def _inputs(value: Any, loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[list[float | None]]:
    if not isinstance(value, dict):
        return _arrays(value, loc, features, faults)
    found = _check_columns(value, loc, features, faults)
    columns = [[_cell(cell, (*loc, name, i), faults) for i, cell in enumerate(cells)] for name, cells in found.items()]
    return [] if faults.found else [list(row) for row in zip(*columns, strict=True)]


def _check_columns(value: dict[str, Any], loc: Loc, features: tuple[str, ...], faults: _Faults) -> dict[str, list[Any]]:
    """Return the columns that are there; faults are those of names and lengths."""
    for name in value:
        if name not in features:
            faults.add((*loc, name[:100]), "unknown feature")
    columns: dict[str, list[Any]] = {}
    for name in features:
        if name not in value:
            faults.add((*loc, name), "absent")
            continue
        cells = _list(value[name], (*loc, name), faults)
        first = next(iter(columns.values()), cells)
        if len(cells) != len(first):
            faults.add((*loc, name), f"has {len(cells)} values, {features[0]} has {len(first)}")
        columns[name] = cells
    return columns


def _split(value: Any, loc: Loc, features: tuple[str, ...], faults: _Faults) -> list[list[float | None]]:
    if not isinstance(value, dict):
        faults.add(loc, f"must be an object with columns and data, not {_kind(value)}")
        return []
    for name in value:
        if name not in {"columns", "data", "index"}:
            faults.add((*loc, name[:100]), "unknown field")
    columns = _list(value.get("columns"), (*loc, "columns"), faults)
    for j, name in enumerate(columns):
        if name not in features:
            faults.add((*loc, "columns", j), "unknown feature")
        elif name in columns[:j]:
            faults.add((*loc, "columns", j), "named twice")
    for name in features:
        if name not in columns:
            faults.add((*loc, "columns"), f"{name} is absent")
    rows = []
    for i, row in enumerate(_list(value.get("data"), (*loc, "data"), faults)):
        cells = _row(row, (*loc, "data", i), tuple(map(str, columns)), faults)
        if cells and not faults.found:
            rows.append([cells[columns.index(name)] for name in features])
    return rows


_READERS: Final = {
    "dataframe_records": _records,
    "dataframe_split": _split,
    "instances": _instances,
    "inputs": _inputs,
}
