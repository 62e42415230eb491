"""From which replayed files the records of a fetch came; asked of as few headers as will do."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from contract.origin import HEADER, Origin, origin_of

Longs = npt.NDArray[np.int64]
_HEADERS = operator.methodcaller("headers")


class WithHeaders(Protocol):
    """A record as the client hands it over."""

    def headers(self) -> Any:
        """Return name and value of each header."""
        ...


class Origins:
    """The origins of ``records``, which have one of ``offsets`` each, in order.

    A header costs as much as all else that is asked of a record. Replay counts what it sends to a partition, so two
    records of one file whose counts differ by as much as their places have only that file's records between them.
    """

    def __init__(self, records: Sequence[WithHeaders], offsets: Longs) -> None:
        self._records = records
        self._offsets = offsets

    def then(self, following: Origins, first_offset: int) -> Origins:
        """Return these from ``first_offset`` on, and those of the records that follow, as one."""
        first = int(np.searchsorted(self._offsets, first_offset))
        offsets = np.concatenate([self._offsets[first:], following._offsets])
        return Origins([*self._records[first:], *following._records], offsets)

    def last(self, first_offset: int, next_offset: int) -> dict[str, str]:
        """Return the last header of each file among offsets ``first_offset`` ≤ o < ``next_offset``, in their order."""
        first, end = np.searchsorted(self._offsets, [first_offset, next_offset]).tolist()
        found: dict[str, str] = {}
        if end > first and any(map(_HEADERS, self._records[first:end])):
            self._note(first, end - 1, self._at(first), self._at(end - 1), found)
        return found

    def _note(self, low: int, high: int, at_low: Origin | None, at_high: Origin | None, found: dict[str, str]) -> None:
        """Note the last headers of records ``low`` to ``high``, both included, behind what is noted already."""
        if low == high or _one_file(at_low, at_high, high - low):
            if at_high is not None:
                found.pop(at_high.source, None)
                found[at_high.source] = at_high.header().decode()
            return
        middle = (low + high) // 2
        self._note(low, middle, at_low, self._at(middle), found)
        self._note(middle + 1, high, self._at(middle + 1), at_high, found)

    def _at(self, place: int) -> Origin | None:
        for name, value in self._records[place].headers() or ():
            if name == HEADER and isinstance(value, bytes):
                return origin_of(value)
        return None


def _one_file(low: Origin | None, high: Origin | None, apart: int) -> bool:
    if low is None or high is None or low.source != high.source or (low.digest is None) != (high.digest is None):
        return False
    if high.digest is None:
        # An earlier replay did not count; where it skipped rows, all headers in between are looked at.
        return high.row - low.row == apart * high.partitions
    return high.sent - low.sent == apart


NO_ORIGINS = Origins((), np.empty(0, dtype=np.int64))
