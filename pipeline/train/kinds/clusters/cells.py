"""Typed rows in the driver: the cells as they landed, and the columns of numbers that an encoding makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.arrays import Floats
from scoring.features import Encoding, Input

_ARROW: Final = {
    "double": pa.float64(),
    "long": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True)
class Cells:
    """For each input of ``encoding`` an array [n]: doubles with NaN where missing, or objects with None."""

    encoding: Encoding
    columns: tuple[npt.NDArray[Any], ...]

    def __len__(self) -> int:
        """Return n."""
        return len(self.columns[0])

    def __getitem__(self, chosen: Any) -> Cells:
        """Return the rows that a mask, or an array of places, chooses."""
        return Cells(self.encoding, tuple(column[chosen] for column in self.columns))

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return the cells of an input."""
        return self.columns[[each.name for each in self.encoding.inputs].index(name)]

    def encoded(self, encoding: Encoding) -> Floats:
        """Return the rows [n, width] in the columns of ``encoding``, which may be another version's."""
        return encoding.rows([self.column(each.name) for each in encoding.inputs])

    def rows(self) -> npt.NDArray[Any]:
        """Return the rows as an array of objects [n, inputs], None where missing."""
        found = np.empty((len(self), len(self.columns)), dtype=object)
        for place, column in enumerate(self.columns):
            # What differs from itself is NaN.
            found[:, place] = [None if x != x else x for x in column.tolist()]  # noqa: PLR0124
        return found

    @classmethod
    def of_rows(cls, encoding: Encoding, rows: Sequence[Sequence[Any]]) -> Cells:
        """Return what :meth:`rows` made a list of."""
        columns = list(zip(*rows, strict=True))
        return cls(encoding, tuple(_array(each, cells) for each, cells in zip(encoding.inputs, columns, strict=True)))

    def table(self) -> pa.Table:
        """Return the rows as Arrow has them."""
        arrays = [
            pa.array(column.tolist(), pa.int64() if each.type == "datetime" else _ARROW[each.type], from_pandas=True)
            for each, column in zip(self.encoding.inputs, self.columns, strict=True)
        ]
        return pa.table(
            {each.name: array.cast(_ARROW[each.type]) for each, array in zip(self.encoding.inputs, arrays, strict=True)}
        )

    @classmethod
    def of_table(cls, encoding: Encoding, table: pa.Table) -> Cells:
        """Return the cells of a table that has the inputs of ``encoding``."""
        return cls(encoding, tuple(_cells(each, table.column(each.name)) for each in encoding.inputs))


def _array(each: Input, cells: Sequence[Any]) -> npt.NDArray[Any]:
    if each.type == "double":
        return np.array([np.nan if x is None else x for x in cells], dtype=np.float64)
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found


def _cells(each: Input, column: pa.ChunkedArray) -> npt.NDArray[Any]:
    if each.type == "double":
        # An Arrow null becomes NaN here.
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return _array(each, (column.cast(pa.int64()) if each.type == "datetime" else column).to_pylist())


def encoded_by(encoding: Encoding, rows: Floats, cells: Cells | None) -> Floats:
    """Return rows in the columns of ``encoding``: ``rows`` [n, d] themselves, unless their ``cells`` were encoded
    otherwise.
    """
    return rows if cells is None or cells.encoding == encoding else cells.encoded(encoding)
