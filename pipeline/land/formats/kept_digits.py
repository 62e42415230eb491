"""Whole numbers of JSON in columns of doubles: each keeps its digits, or its record is no row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.plain_values import JsonNumber
from pipeline.land.formats.format import RejectedRecord
from pipeline.land.origins import Longs

_EXACT = 2.0**53
_LONGEST_REASON = 300


@dataclass(frozen=True)
class KeptDigits:
    """The columns of doubles among ``names``; ``values_in`` finds each in an object, or raises ValueError."""

    names: Sequence[str]
    values_in: Callable[[object], Mapping[str, object]]

    def rows(
        self, rows: pa.Table, indexes: Longs, values: Sequence[bytes], rejected: list[RejectedRecord]
    ) -> tuple[pa.Table, Longs]:
        """Return ``rows`` and their ``indexes`` without those that lost a digit of ``values``; they are rejected."""
        keep = np.ones(len(indexes), dtype=np.bool_)
        for name in self.names:
            for place in _large(rows.column(name)):
                found = self._number(values[indexes[place]], name)
                if keep[place] and found is not None and Decimal(found) != Decimal(repr(float(found))):
                    reason = f"column {name!r}: {found} has more digits than a float64 keeps: int64 or a decimal does"
                    rejected.append(RejectedRecord(int(indexes[place]), reason[:_LONGEST_REASON]))
                    keep[place] = False
        return (rows, indexes) if keep.all() else (rows.filter(pa.array(keep)), indexes[keep])

    def _number(self, value: bytes, name: str) -> str | None:
        """Return a whole number as the record writes it; None for any other value."""
        with suppress(ValueError, RecursionError):
            found = self.values_in(json.loads(value, parse_int=JsonNumber))[name]
            return found if isinstance(found, JsonNumber) else None
        return None


def _large(found: pa.ChunkedArray) -> Iterator[int]:
    """Yield which of the numbers are finite and may have lost a digit; most often, none is."""
    bounds = pc.min_max(found)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or -_EXACT < low <= high < _EXACT:
        return
    numbers = found.to_numpy()
    yield from np.flatnonzero(np.isfinite(numbers) & (np.abs(numbers) >= _EXACT)).tolist()
