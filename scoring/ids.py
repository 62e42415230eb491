"""Names of users or items in the order of their places: text in memory, not a Python object each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import Final, overload

import numpy as np
import numpy.typing as npt

MOST_BYTES: Final = 2**28
_LINE: Final = "\n"
_NO_STRINGS: Final = "ids are not a JSON string a line"
# As far as quotation marks tell: what is between them is JSON's matter.
_STRINGS: Final = re.compile(rb'(?:"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"(?:\n|\Z))*+')
# Bytes that are looked at at a time.
_BYTES: Final = 2**20
# Names that are Python objects at a time.
_BLOCK: Final = 2**16


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
        # Before a place is kept for each of them.
        if text.count(b"\n") > len(text) // len(b'""\n'):
            raise ValueError(_NO_STRINGS)
        self._text, self._ends = text, _line_ends(text)
        before: list[str] = []
        for names in self._blocks():
            if not all(one < other for one, other in pairwise([*before, *names])):
                raise ValueError("ids are not sorted and distinct")
            before = names[-1:]

    @classmethod
    def of(cls, names: Iterable[str]) -> Ids:
        """Return the ids of ``names``, which are sorted and distinct.

        Raises
        ------
        ValueError: they are not, or there is none.
        """
        return cls("".join(f"{json.dumps(name)}\n" for name in names).encode())

    def _blocks(self) -> Iterator[list[str]]:
        """Yield the names some at a time: all of them as Python objects would take ten times the text."""
        for begin in range(0, len(self), _BLOCK):
            count = min(_BLOCK, len(self) - begin)
            first = self._ends.item(begin - 1) + 1 if begin else 0
            text = self._text[first : self._ends.item(begin + count - 1)]
            # Lines of their own: joined, two halves of a string are one.
            if _STRINGS.fullmatch(text) is None:
                raise ValueError(_NO_STRINGS)
            try:
                names: list[str] = json.loads(f"[{text.decode().replace(_LINE, ',')}]")
            except ValueError as error:
                raise ValueError(_NO_STRINGS) from error
            yield names

    @property
    def text(self) -> bytes:
        """The file that gives these ids back."""
        return self._text

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return chain.from_iterable(self._blocks())

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
        end = self._ends.item(place)
        first = self._ends.item(place - 1) + 1 if place % len(self._ends) else 0
        return self._text[first:end]

    def places(self, names: Sequence[str]) -> list[int | None]:
        """Return what :meth:`find` returns for each of ``names``: quicker, by the table of :meth:`prepare`."""
        wanted = list(map(hash, names))
        starts = np.searchsorted(self._table[0], np.array(wanted, dtype=np.int64)).tolist()
        return list(map(self._hashed, names, wanted, starts))

    def prepare(self) -> None:
        """Make the table for :meth:`places`, which does it at first otherwise: a second for a million names."""
        self.places(())

    def _hashed(self, name: str, wanted: int, start: int) -> int | None:
        hashes, order = self._table
        raw = name.encode(errors="surrogatepass")
        for i in range(start, len(hashes)):
            if hashes.item(i) != wanted:
                return None
            # Most names stand as they are, and need not be taken out of JSON.
            if self.line(place := order.item(i))[1:-1] == raw or self[place] == name:
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


def _line_ends(text: bytes) -> npt.NDArray[np.int32]:
    """Return where the lines of ``text`` end, a few bytes of it looked at at a time."""
    ends, found = np.empty(text.count(b"\n"), np.int32), 0
    for begin in range(0, len(text), _BYTES):
        block = np.frombuffer(text, np.uint8, min(_BYTES, len(text) - begin), begin)
        here = np.flatnonzero(block == ord(_LINE))
        ends[found : found + len(here)] = here + begin
        found += len(here)
    return ends
