"""Whether a third of a column's rows, which is what a batch gets, holds one value only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_FEWEST_ROWS = 9
"""Of fewer, a third says nothing."""
_LOOKED_AT = 64
_SURE = 8
"""Changes among those looked at, from which on a block surely varies all over."""


class Runs:
    """Where the values of a column change, as near as their thirds need it; missing values are passed by."""

    def __init__(self) -> None:
        self._rows = 0
        self._changes: list[float] = []
        self._last: pa.Scalar | None = None

    def add(self, values: pa.Array, rows: int) -> None:
        """Take the ``values`` that a block of ``rows`` has."""
        if len(values):
            if self._last is not None and self._last != values[0]:
                self._changes.append(self._rows)
            self._last = values[-1]
            share = rows / len(values)
            self._changes.extend(self._rows + place * share for place in _changes(values))
        self._rows += rows

    @property
    def same_in_a_third(self) -> bool:
        """Whether one of the thirds has one value; a table of a few rows has no such third."""
        if self._rows < _FEWEST_ROWS:
            return False
        edges = np.arange(4) * -(-self._rows // 3)
        changes = np.array(self._changes)
        return not all(np.any((changes > low) & (changes < high)) for low, high in pairwise(edges))


def _changes(values: pa.Array) -> list[int]:
    """Return places of values that are not as the one before: all over the block, if they are."""
    count = len(values)
    if count > _LOOKED_AT**2:
        places = np.linspace(0, count - 1, _LOOKED_AT).astype(np.int64)
        found = places[1:][_differ(values.take(pa.array(places)))]
        if np.all(np.histogram(found, _SURE, (0, count))[0]):
            return [int(place) for place in found]
    every = np.flatnonzero(_differ(values)) + 1
    chosen = every if len(every) <= _LOOKED_AT else every[np.linspace(0, len(every) - 1, _LOOKED_AT).astype(np.int64)]
    return [int(place) for place in chosen]


def _differ(values: pa.Array) -> npt.NDArray[np.bool_]:
    different = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
    return np.asarray(different.to_numpy(zero_copy_only=False), dtype=np.bool_)
