"""The forms of features: how a cell of an input becomes columns of numbers, one row or many.

Spark does the same in SQL (`pipeline.train.kinds.clusters.encode`). A missing cell is None or NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .clock import MISSING, SLOTS, UTC, Zone, slot, times
from .log1p import signed_log1p, signed_log1ps

Value = str | int | bool
Column = npt.NDArray[Any] | Sequence[Any]

MOST_VALUES: Final = 256
LONGEST_VALUE_READ: Final = 1_000

_NAN: Final = math.nan
_TYPES: Final[Mapping[str, type]] = {"string": str, "long": int, "boolean": bool}


_CELLS: Final[Mapping[str, tuple[type, ...]]] = {
    "double": (float, int), "long": (int,), "string": (str,), "boolean": (bool,), "datetime": (int,),
}  # fmt: skip


def refuse_cells(kind: str, cells: Sequence[Any]) -> None:
    """Check that all ``cells`` are of the type ``kind`` of an input, or missing.

    Raises
    ------
    ValueError: names both.
    """
    taken = _CELLS.get(kind)
    if taken is None:
        raise ValueError(f"{kind!r} is no type of an input"[:100])
    for cell in cells:
        if cell is not None and type(cell) not in taken and cell == cell:  # noqa: PLR0124 - NaN is missing
            raise ValueError(f"a cell of type {type(cell).__name__} is no {kind}")
        if type(cell) is int and not -(2**63) <= cell < 2**63:
            raise ValueError("an integer does not fit 64 bits")


class Form(Protocol):
    """One feature: the ``columns`` that it becomes are named; a flag, the last of them, is 1 where the cell is missing.

    ``name`` is the feature's, ``column`` that of the input, and ``types`` are those that the input may have.
    """

    form: ClassVar[str]
    types: ClassVar[frozenset[str]]

    @property
    def name(self) -> str: ...
    @property
    def column(self) -> str: ...
    @property
    def flag(self) -> bool: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def width(self) -> int:
        """Number of columns."""

    def cell(self, cell: Any) -> Sequence[float]:
        """Return the numbers of one cell, NaN where they are missing."""

    def cells(self, column: Column) -> list[Floats]:
        """Return the columns [n] of many cells."""


def _flagged(name: str, columns: tuple[str, ...], flag: bool) -> tuple[str, ...]:
    return (*columns, f"{name}?") if flag else columns


@dataclass(frozen=True)
class Number:
    """A number, as it is."""

    form: ClassVar[str] = "number"
    types: ClassVar[frozenset[str]] = frozenset({"double", "long"})

    name: str
    column: str
    flag: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Its own name, and the flag."""
        return _flagged(self.name, (self.name,), self.flag)

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 + self.flag

    def cell(self, cell: Any) -> Sequence[float]:
        """Return the number as a double."""
        number = _NAN if cell is None else float(cell)
        return (number, 1.0 if number != number else 0.0) if self.flag else (number,)  # noqa: PLR0124 - NaN

    def cells(self, column: Column) -> list[Floats]:
        """Return the numbers as doubles."""
        # numpy reads None as NaN, and an int64 as Java casts a long.
        return _with_flag(np.asarray(column, dtype=np.float64), self.flag)


def _with_flag(numbers: Floats, flag: bool) -> list[Floats]:
    return [numbers, np.isnan(numbers).astype(np.float64)] if flag else [numbers]


@dataclass(frozen=True)
class Log(Number):
    """The logarithm of 1 + a number's magnitude, with its sign."""

    form: ClassVar[str] = "log"

    def cell(self, cell: Any) -> Sequence[float]:
        """Return the logarithm."""
        number = _NAN if cell is None else signed_log1p(float(cell))
        return (number, 1.0 if number != number else 0.0) if self.flag else (number,)  # noqa: PLR0124 - NaN

    def cells(self, column: Column) -> list[Floats]:
        """Return the logarithms."""
        return _with_flag(signed_log1ps(np.asarray(column, dtype=np.float64)), self.flag)


@dataclass(frozen=True)
class Category:
    """A 0/1 column for each of ``values`` and one for all others; without a flag, a missing cell is another."""

    form: ClassVar[str] = "category"
    types: ClassVar[frozenset[str]] = frozenset(_TYPES)

    name: str
    column: str
    values: tuple[Value, ...]
    flag: bool = False
    _codes: Mapping[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse values that are none.

        Raises
        ------
        ValueError: says why.
        """
        if not self.values or len(self.values) > MOST_VALUES:
            raise ValueError(f"feature {self.name!r} has {len(self.values)} values; 1 to {MOST_VALUES} are taken")
        kinds = {type(value) for value in self.values}
        if len(kinds) != 1 or not kinds <= set(_TYPES.values()) or len(set(self.values)) < len(self.values):
            raise ValueError(f"the values of feature {self.name!r} are not distinct and of one type")
        if any(isinstance(value, str) and len(value) > LONGEST_VALUE_READ for value in self.values):
            raise ValueError(f"a value of feature {self.name!r} is longer than {LONGEST_VALUE_READ} characters")
        count = len(self.values)
        codes: dict[Any, int] = {value: place for place, value in enumerate(self.values)}
        codes |= {None: count + 1 if self.flag else count}
        object.__setattr__(self, "_codes", codes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the codes out of a pickle: it goes to a worker with each large request."""
        return type(self), (self.name, self.column, self.values, self.flag)

    @property
    def takes(self) -> str:
        """Type of the input that has these values."""
        return next(name for name, kind in _TYPES.items() if kind is type(self.values[0]))

    @property
    def other(self) -> str:
        """Name of the column of all other values."""
        name, taken = f"{self.name}=other", {f"{self.name}={value}" for value in self.values}
        while name in taken:
            name += "*"
        return name

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as text: `true` and `false` as JSON writes them."""
        return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in self.values)

    @property
    def columns(self) -> tuple[str, ...]:
        """`name=value` for each, `name=other`, and the flag."""
        return _flagged(self.name, (*(f"{self.name}={text}" for text in self.texts), self.other), self.flag)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.values) + 1 + self.flag

    def code(self, cell: Any) -> int:
        """Return the place of a cell's column among all."""
        if cell != cell:  # noqa: PLR0124 - NaN is missing, as None is
            cell = None
        return self._codes.get(cell, len(self.values))

    def cell(self, cell: Any) -> Sequence[float]:
        """Return 1 in the column of its value, 0 in the others."""
        row = [0.0] * self.width
        row[self.code(cell)] = 1.0
        return row

    def codes(self, column: Column) -> npt.NDArray[np.int64]:
        """Return the places [n] of the cells' columns."""
        return np.array([self.code(cell) for cell in _objects(column)], dtype=np.int64)

    def cells(self, column: Column) -> list[Floats]:
        """Return the same of many cells."""
        codes = self.codes(column)
        return [(codes == place).astype(np.float64) for place in range(self.width)]


def _objects(column: Column) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column


@dataclass(frozen=True)
class Cyclic:
    """The hour, weekday or month (``of``) in a ``zone``, as its point in ``table`` [slots, 2]: sine and cosine."""

    form: ClassVar[str] = "cyclic"
    types: ClassVar[frozenset[str]] = frozenset({"datetime"})

    name: str
    column: str
    of: str
    table: tuple[tuple[float, float], ...]
    zone: Zone = UTC
    flag: bool = False

    def __post_init__(self) -> None:
        """Refuse a table that is none.

        Raises
        ------
        ValueError: says why.
        """
        if len(self.table) != SLOTS.get(self.of) or any(len(pair) != 2 for pair in self.table):
            raise ValueError(f"feature {self.name!r} of {self.of!r} has no table of that many pairs")
        if not all(abs(x) <= 1 for pair in self.table for x in pair):
            raise ValueError(f"the table of feature {self.name!r} has a number beyond 1")

    @property
    def columns(self) -> tuple[str, ...]:
        """`name.sin`, `name.cos` and the flag."""
        return _flagged(self.name, (f"{self.name}.sin", f"{self.name}.cos"), self.flag)

    @property
    def width(self) -> int:
        """Number of columns."""
        return 2 + self.flag

    def cell(self, cell: Any) -> Sequence[float]:
        """Return sine and cosine of a time in microseconds since 1970, UTC."""
        if cell is None or cell != cell or cell == MISSING:  # noqa: PLR0124 - NaN
            return (_NAN, _NAN, 1.0) if self.flag else (_NAN, _NAN)
        pair = self.table[slot(self.of, self.zone.local(cell))]
        return (*pair, 0.0) if self.flag else pair

    def slots(self, column: Column) -> npt.NDArray[np.int64]:
        """Return the slot [n] of each time, -1 where it is missing."""
        found = times(column)
        return np.where(found == MISSING, -1, slot(self.of, self.zone.locals(found)))

    def cells(self, column: Column) -> list[Floats]:
        """Return the same of many times."""
        slots = self.slots(column)
        table = np.array([*self.table, (_NAN, _NAN)], dtype=np.float64)
        found = [table[slots, 0], table[slots, 1]]
        return [*found, (slots == -1).astype(np.float64)] if self.flag else found
