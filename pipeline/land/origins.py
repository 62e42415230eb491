"""From which replayed files the records of a fetch came; asked of as few headers as will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from contract.origin import HEADER, Origin, origin_of
from pipeline.record_headers import Headers, WithHeaders, headers_of

Longs = npt.NDArray[np.int64]


class HeadersOf(Sequence[Headers]):
    """The headers of ``records``, each asked for when it is looked at."""

    def __init__(self, records: Sequence[WithHeaders]) -> None:
        self._records = records

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Headers: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Headers]: ...
    def __getitem__(self, place: int | slice) -> Headers | Sequence[Headers]:
        """Return the headers of the record at ``place``."""
        if isinstance(place, slice):
            return HeadersOf(self._records[place])
        return headers_of(self._records[place])


class Origins:
    """The origins of ``records``, which have one of ``offsets`` each, in order.

    A header costs as much as all else that is asked of a record. Replay counts what it sends to a partition, so two
    records of one file whose counts differ by as much as their places have only that file's records between them.
    Its keys are the rows' numbers; a record with another key, as others send, is not asked, but with ``any_key``.
    """

    def __init__(self, records: Sequence[WithHeaders], offsets: Longs, *, any_key: bool = False) -> None:
        self._records = records
        self._offsets = offsets
        self._any_key = any_key

    def then(self, following: Origins, first_offset: int) -> Origins:
        """Return these from ``first_offset`` on, and those of the records that follow, as one."""
        first = int(np.searchsorted(self._offsets, first_offset))
        offsets = np.concatenate([self._offsets[first:], following._offsets])
        return Origins([*self._records[first:], *following._records], offsets, any_key=following._any_key)

    def last(self, first_offset: int, next_offset: int) -> dict[str, str]:
        """Return the last header of each file among offsets ``first_offset`` ≤ o < ``next_offset``, in their order."""
        first, end = np.searchsorted(self._offsets, [first_offset, next_offset]).tolist()
        found: dict[str, str] = {}
        if first == end:
            return found
        at_first, at_last = self._at(first), self._at(end - 1)
        places: Sequence[int] = range(first, end)
        if not _one_file(at_first, at_last, end - 1 - first):
            if not self._any_key:
                places = [place for place in places if (self._records[place].key() or b"").isdigit()]
            if not any(map(headers_of, map(self._records.__getitem__, places))):
                return found
            at_first, at_last = self._at(places[0]), self._at(places[-1])
        self._note(places, at_first, at_last, found)
        return found

    def _note(
        self, places: Sequence[int], at_first: Origin | None, at_last: Origin | None, found: dict[str, str]
    ) -> None:  # fmt: skip
        """Note the last headers of the records at ``places``, of which there are some, behind what is noted already."""
        if len(places) == 1 or _one_file(at_first, at_last, len(places) - 1):
            if at_last is not None:
                found.pop(at_last.source, None)
                found[at_last.source] = at_last.header().decode()
            return
        middle = (len(places) + 1) // 2
        before, behind = places[:middle], places[middle:]
        self._note(before, at_first, self._at(before[-1]), found)
        self._note(behind, self._at(behind[0]), at_last, found)

    def _at(self, place: int) -> Origin | None:
        for name, value in headers_of(self._records[place]):
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
