"""Names of users or items in the order of their places: text in memory, not a Python object each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Final, overload

import numpy as np
import numpy.typing as npt

MOST_BYTES: Final = 2**28
_LINE: Final = ord("\n")


class Ids(Sequence[str]):
    """n distinct names, sorted by code point, so that a name is found by halving.

    Parameters
    ----------
    text: each name as a JSON string on a line of its own

    Raises
    ------
    ValueError: it is not, or the names are not sorted and distinct.
    """

    def __init__(self, text: bytes) -> None:
        if len(text) > MOST_BYTES:
            raise ValueError(f"ids of {len(text):,} bytes, of which {MOST_BYTES:,} are read at most")
        if not text.endswith(b"\n"):
            raise ValueError("ids do not end with their last line")
        self._text = text
        self._ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _LINE)
        try:
            names = json.loads(b"[" + b",".join(text.splitlines()) + b"]")
        except (ValueError, RecursionError) as error:
            raise ValueError("ids are not a JSON string a line") from error
        if len(names) != len(self) or not all(isinstance(name, str) for name in names):
            raise ValueError("ids are not a JSON string a line")
        if not all(one < other for one, other in pairwise(names)):
            raise ValueError("ids are not sorted and distinct")

    @classmethod
    def of(cls, names: Iterable[str]) -> Ids:
        """Return the ids of ``names``, which are sorted and distinct.

        Raises
        ------
        ValueError: they are not, or there is none.
        """
        return cls("".join(f"{json.dumps(name)}\n" for name in names).encode())

    @property
    def text(self) -> bytes:
        """The file that gives these ids back."""
        return self._text

    def __len__(self) -> int:
        """Return n."""
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Return the name at a place, or those of a slice."""
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        return str(json.loads(self.line(place)))

    def line(self, place: int) -> bytes:
        """Return the name at a place as it stands in the text: as JSON."""
        at = range(len(self))[place]
        first = int(self._ends[at - 1]) + 1 if at else 0
        return self._text[first : int(self._ends[at])]

    def places(self, names: Sequence[str]) -> list[int | None]:
        """Return what :meth:`find` returns for each of ``names``: quicker, by a table that is made the first time."""
        hashes, _ = self._table
        wanted = [hash(name) for name in names]
        starts = np.searchsorted(hashes, np.array(wanted, dtype=np.int64)).tolist()
        return [self._hashed(name, *where) for name, *where in zip(names, wanted, starts, strict=True)]

    def _hashed(self, name: str, wanted: int, start: int) -> int | None:
        hashes, order = self._table
        for i in range(start, len(self)):
            if hashes[i] != wanted:
                return None
            if self[place := int(order[i])] == name:
                return place
        return None

    @cached_property
    def _table(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """The names' hashes, sorted, and whose they are: twelve bytes a name, where a dictionary takes a hundred."""
        hashes = np.fromiter(map(hash, self), np.int64, len(self))
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        return hashes[order], order

    def find(self, name: str) -> int | None:
        """Return the place of ``name``, or None where it is not one of them."""
        place = self.insertion(name)
        return place if place < len(self) and self[place] == name else None

    def insertion(self, name: str) -> int:
        """Return the place of the first name that is not below ``name``."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < name:
                low = middle + 1
            else:
                high = middle
        return low
