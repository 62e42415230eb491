"""Finds what is wrong with a body, slowly and completely: each fault with its path, never with the value."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Never, TypeAlias

import numpy as np
import numpy.typing as npt

from contract.errors import Fault, InvalidRequestError, MalformedRequestError
from scoring.arrays import Floats
from serving.rows_in.cells import ANYTHING, Cell, Inputs, are_numbers, sort_of
from serving.rows_in.cells import cell as read_cell
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


def explain(body: bytes, inputs: Inputs) -> Sequence[Sequence[Cell]]:
    """Return the rows in ``body``, or raise what is wrong with it.

    Raises
    ------
    MalformedRequestError: not JSON.
    InvalidRequestError: names each field that is not as it should be, twenty at most.
    """
    name, value = _given(body)
    faults = _Faults()
    rows: list[list[Cell]] = []
    with contextlib.suppress(_EnoughError):
        rows = _READERS[name](value, (name,), inputs, faults)
    if faults.found:
        _refuse(f"{name} is not as it should be; the features are {_listed(inputs)}", faults.found)
    return rows


class Wrong(NamedTuple):
    """Which rows [n] cannot be answered, and the first fault of the first twenty of them, by index."""

    rows: npt.NDArray[np.bool_]
    told: dict[int, Fault]


Apart: TypeAlias = Floats | list[list[Cell]]
"""Rows [n, d], NaN where a value is missing, if all are numbers; else n lists of cells."""


def read_apart(body: bytes, inputs: Inputs) -> tuple[Apart, Wrong]:
    """Return the rows in ``body``, and those that have a fault; all of them is missing.

    Raises
    ------
    MalformedRequestError: not JSON.
    RequestTooLargeError: more rows than can be made.
    InvalidRequestError: what is wrong is not in single rows.
    """
    name, value = _given(body)
    faults = _Faults()
    loc, columns, items = _items(name, value, inputs, faults)
    if faults.found:
        _refuse(f"{name} is not as it should be; the features are {_listed(inputs)}", faults.found)
    if isinstance(items, dict):
        return _by_column(items, loc, inputs)
    rows = _missing(len(items), inputs)
    order = [columns.index(feature) for feature in inputs]
    kinds = [inputs[column] for column in columns]
    wrong = Wrong(np.zeros(len(items), dtype=np.bool_), {})
    for i, item in enumerate(items):
        own = _Faults(most=1)
        with contextlib.suppress(_EnoughError):
            if isinstance(item, dict) and name != "dataframe_split":
                rows[i] = _record(item, (*loc, i), inputs, own)
                continue
            if name == "dataframe_records":
                own.add((*loc, i), f"must be an object, not {sort_of(item)}")
            cells = _row(item, (*loc, i), kinds, own)
            rows[i] = [cells[j] for j in order]
            continue
        wrong.rows[i] = True
        if len(wrong.told) < MOST_FAULTS:
            wrong.told[i] = own.found[0]
    return rows, wrong


def _missing(n: int, inputs: Inputs) -> Any:
    """Return ``n`` rows of which everything is missing."""
    check_rows(n, len(inputs))
    return np.full((n, len(inputs)), math.nan) if are_numbers(inputs) else [[None] * len(inputs) for _ in range(n)]


def _by_column(columns: dict[str, list[Any]], loc: Loc, inputs: Inputs) -> tuple[Apart, Wrong]:
    n = len(columns[next(iter(inputs))])
    rows = _missing(n, inputs)
    wrong = Wrong(np.zeros(n, dtype=np.bool_), {})
    for j, (name, kind) in enumerate(inputs.items()):
        for i, cell in enumerate(columns[name]):
            try:
                rows[i][j] = _cell(cell, kind, (), _NONE)
            except _EnoughError:
                wrong.rows[i] = True
    for i in np.flatnonzero(wrong.rows).tolist():
        rows[i] = [None] * len(inputs)
    for i in np.flatnonzero(wrong.rows)[:MOST_FAULTS].tolist():
        own = _Faults(most=1)
        with contextlib.suppress(_EnoughError):
            for name, kind in inputs.items():
                _cell(columns[name][i], kind, (*loc, name, i), own)
        wrong.told[i] = own.found[0]
    return rows, wrong


def _items(
    name: str, value: Any, inputs: Inputs, faults: _Faults
) -> tuple[Loc, tuple[str, ...], list[Any] | dict[str, list[Any]]]:
    """Return path, columns and rows of what was given, or all columns; faults are those that no single row has."""
    with contextlib.suppress(_EnoughError):
        if name == "dataframe_split":
            given = value if isinstance(value, dict) else {}
            columns = columns if isinstance(columns := given.get("columns"), list) else []
            _split({**given, "data": [[None] * len(columns)]} if given else value, (name,), inputs, faults)
            return (name, "data"), tuple(columns), _list(given.get("data"), (name, "data"), faults)
        if name == "inputs" and isinstance(value, dict):
            _check_columns(value, (name,), inputs, faults)
            return (name,), tuple(inputs), value
        return (name,), tuple(inputs), _list(value, (name,), faults)
    return (name,), tuple(inputs), []


def _given(body: bytes) -> tuple[str, Any]:
    """Return the one format that the body is in, and what it holds."""
    fields = parsed(body)
    if not isinstance(fields, dict):
        _refuse(f"the body is {sort_of(fields)}; {_HOW}", [Fault(("body",), "must be an object")])
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


def parsed(body: bytes, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """Return what ``body`` is as JSON; ``parse_constant`` takes NaN and Infinity, which are none.

    Raises
    ------
    MalformedRequestError: not JSON in UTF-8; says where.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=parse_constant)
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


def _listed(inputs: Inputs, most: int = 50) -> str:
    more = f" and {len(inputs) - most} more" if len(inputs) > most else ""
    return ", ".join([*inputs][:most]) + more


def _cell(value: Any, kind: str, loc: Loc, faults: _Faults) -> Cell:
    try:
        return read_cell(value, kind)
    except ValueError as error:
        faults.add(loc, str(error))
        return None


def _list(value: Any, loc: Loc, faults: _Faults) -> list[Any]:
    if not isinstance(value, list):
        faults.add(loc, f"must be an array, not {sort_of(value)}")
        return []
    if not value:
        faults.add(loc, "must not be empty")
    return value


def _record(value: dict[str, Any], loc: Loc, inputs: Inputs, faults: _Faults) -> list[Cell]:
    for name in value:
        if name not in inputs:
            faults.add((*loc, name[:100]), "unknown feature")
    for name in inputs:
        if name not in value:
            faults.add((*loc, name), "absent; write null where the value is missing")
    return [_cell(value.get(name), kind, (*loc, name), faults) for name, kind in inputs.items()]


def _row(value: Any, loc: Loc, kinds: Sequence[str], faults: _Faults) -> list[Cell]:
    if not isinstance(value, list):
        what = "numbers" if all(kind == "double" for kind in kinds) else "values"
        faults.add(loc, f"must be an array of {len(kinds)} {what}, not {sort_of(value)}")
        return []
    if len(value) != len(kinds):
        faults.add(loc, f"has {len(value)} values for {len(kinds)} features")
        return []
    return [_cell(cell, kind, (*loc, j), faults) for j, (cell, kind) in enumerate(zip(value, kinds, strict=True))]


def _records(value: Any, loc: Loc, inputs: Inputs, faults: _Faults) -> list[list[Cell]]:
    rows = []
    for i, record in enumerate(_list(value, loc, faults)):
        if isinstance(record, dict):
            rows.append(_record(record, (*loc, i), inputs, faults))
        else:
            faults.add((*loc, i), f"must be an object, not {sort_of(record)}")
    return rows


def _arrays(value: Any, loc: Loc, inputs: Inputs, faults: _Faults) -> list[list[Cell]]:
    kinds = [*inputs.values()]
    return [_row(row, (*loc, i), kinds, faults) for i, row in enumerate(_list(value, loc, faults))]


def _instances(value: Any, loc: Loc, inputs: Inputs, faults: _Faults) -> list[list[Cell]]:
    rows, kinds = list[list[Cell]](), [*inputs.values()]
    for i, row in enumerate(_list(value, loc, faults)):
        if isinstance(row, dict):
            rows.append(_record(row, (*loc, i), inputs, faults))
        else:
            rows.append(_row(row, (*loc, i), kinds, faults))
    return rows


def _inputs(value: Any, loc: Loc, inputs: Inputs, faults: _Faults) -> list[list[Cell]]:
    if not isinstance(value, dict):
        return _arrays(value, loc, inputs, faults)
    found = _check_columns(value, loc, inputs, faults)
    columns = [
        [_cell(cell, inputs[name], (*loc, name, i), faults) for i, cell in enumerate(cells)]
        for name, cells in found.items()
    ]
    return [] if faults.found else [list(row) for row in zip(*columns, strict=True)]


def _check_columns(value: dict[str, Any], loc: Loc, inputs: Inputs, faults: _Faults) -> dict[str, list[Any]]:
    """Return the columns that are there; faults are those of names and lengths."""
    for name in value:
        if name not in inputs:
            faults.add((*loc, name[:100]), "unknown feature")
    columns: dict[str, list[Any]] = {}
    for name in inputs:
        if name not in value:
            faults.add((*loc, name), "absent")
            continue
        cells = _list(value[name], (*loc, name), faults)
        first = next(iter(columns.values()), cells)
        if len(cells) != len(first):
            faults.add((*loc, name), f"has {len(cells)} values, {next(iter(inputs))} has {len(first)}")
        columns[name] = cells
    return columns


def _split(value: Any, loc: Loc, inputs: Inputs, faults: _Faults) -> list[list[Cell]]:
    if not isinstance(value, dict):
        faults.add(loc, f"must be an object with columns and data, not {sort_of(value)}")
        return []
    for name in value:
        if name not in {"columns", "data", "index"}:
            faults.add((*loc, name[:100]), "unknown field")
    # A list, since a column's name may be anything that JSON has.
    names, columns = [*inputs], _list(value.get("columns"), (*loc, "columns"), faults)
    for j, name in enumerate(columns):
        if name not in names:
            faults.add((*loc, "columns", j), "unknown feature")
        elif name in columns[:j]:
            faults.add((*loc, "columns", j), "named twice")
    for name in inputs:
        if name not in columns:
            faults.add((*loc, "columns"), f"{name} is absent")
    rows, kinds = [], [inputs[name] if name in names else ANYTHING for name in columns]
    for i, row in enumerate(_list(value.get("data"), (*loc, "data"), faults)):
        cells = _row(row, (*loc, "data", i), kinds, faults)
        if cells and not faults.found:
            rows.append([cells[columns.index(name)] for name in inputs])
    return rows


_READERS: Final = {
    "dataframe_records": _records,
    "dataframe_split": _split,
    "instances": _instances,
    "inputs": _inputs,
}
