"""What landing needs of a format of records, and all that it knows of one: a value in, a row or a reject out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class RejectedRecord:
    """A record that is no row. ``index`` is its place in the chunk."""

    index: int
    reason: str


@dataclass(frozen=True)
class ParsedValues:
    """A chunk of n values: ``rows`` has the stream's columns, ``indexes`` [rows] says which value each row is.

    Each of the n is either one row or rejected, and both are in the order of the values.
    """

    rows: pa.Table
    indexes: npt.NDArray[np.int64]
    rejected: list[RejectedRecord]
    ignored_keys: int
    strangers: tuple[int, ...] = ()
    """Indexes of values that are rows without a value: none of their keys is a column."""


class RecordFormat(Protocol):
    """The format of one stream's records; any number of threads may share it."""

    def parse(self, values: Sequence[bytes | None]) -> ParsedValues:
        """Return the rows and the rejects of ``values``, None for a tombstone. Never raises for what is in them."""
        ...

    def why_no_column(self, value: bytes | None) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        ...
