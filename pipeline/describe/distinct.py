"""How many values of a column differ, and whether all of them do, in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contract.proposal import MOST_COUNTED

MOST_HASHES = 2**24
"""Values of a column that are looked at for another one like it: 128 MiB."""


class Distinct:
    """The values of a column, as long as they are few; and hashes of them, as long as none is there twice."""

    def __init__(self) -> None:
        self._known: pa.Array | None = None
        self._many = False
        self._hashes: list[npt.NDArray[np.int64]] | None = []
        self._hashed = 0

    def add(self, values: pa.Array, *, worth_naming: bool) -> None:
        """Count ``values``; ``worth_naming``: whether they could name rows, so that being unique matters."""
        if self._many and self._hashes is None:
            return
        found = pc.unique(values)
        if not worth_naming or len(found) < len(values) or self._hashed + len(values) > MOST_HASHES:
            self._hashes = None
        if self._hashes is not None:
            # Python's -1 and -2 have one hash; numbers are their own.
            own = values.to_numpy() if pa.types.is_int64(values.type) else map(hash, values.to_pylist())
            self._hashes.append(np.fromiter(own, np.int64, len(values)))
            self._hashed += len(values)
        if not self._many:
            self._known = found if self._known is None else pc.unique(pa.concat_arrays([self._known, found]))
            self._many = len(self._known) > MOST_COUNTED
            self._known = None if self._many else self._known

    @property
    def count(self) -> int | None:
        """How many values differ, None: more than are counted."""
        return None if self._many else 0 if self._known is None else len(self._known)

    @property
    def are_unique(self) -> bool:
        """Whether no value is there twice."""
        if self._hashes is None:
            return False
        hashes = np.concatenate(self._hashes) if self._hashes else np.empty(0, np.int64)
        return len(np.unique(hashes)) == len(hashes)
