"""What landing needs of a format of records, and all that it knows of one: records in, rows and rejects out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from pipeline.land.origins import Longs
from pipeline.record_headers import Headers

NONE: Longs = np.empty(0, dtype=np.int64)
# Control characters, line ends, and halves of characters, which no encoding takes: reasons quote what producers sent.
_NO_TEXT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Chunk:
    """n records of one lane, as Kafka handed them over, in order; each of the four has one entry a record."""

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    headers: Sequence[Headers]
    """Asked for where a column is from one; a header costs as much as all else of a record."""
    timestamps_ms: Longs


@dataclass(frozen=True)
class RejectedRecord:
    """A record that is no row. ``index`` is its place in the chunk; ``reason`` is one line that can be encoded."""

    index: int
    reason: str

    def __post_init__(self) -> None:
        """Make the reason a line of text, whatever it quotes."""
        if not self.reason.isprintable():
            object.__setattr__(self, "reason", _NO_TEXT.sub("\ufffd", self.reason))


@dataclass(frozen=True)
class ParsedValues:
    """A chunk of n: ``rows``, and ``indexes`` [rows], which say which of them each row is.

    Each of the n is one row, or rejected, or one of ``skipped``; all three are in the order of the chunk.
    """

    rows: pa.Table
    indexes: Longs
    rejected: list[RejectedRecord]
    ignored_keys: int
    strangers: tuple[int, ...] = ()
    """Indexes of values that are rows without a value: none of their keys is a column."""
    skipped: Longs = field(default_factory=lambda: NONE)
    """Indexes of what is meant to make no row: tombstones, and ``deletes``."""
    deletes: Longs = field(default_factory=lambda: NONE)
    """Those of ``skipped`` which say that a row of the producer's is gone."""


class ValueFormat(Protocol):
    """The format of the values of one stream's records; any number of threads may share it."""

    def parse(self, values: Sequence[bytes]) -> ParsedValues:
        """Return the rows of the columns that come from values (``Stream.value_columns``), in their order.

        ``values`` are no longer than the stream takes. What is required, or finite, is seen to by the caller. Never
        raises for what is in them.
        """
        ...

    def why_no_column(self, value: bytes) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        ...


class RecordFormat(Protocol):
    """The format of one stream's records; any number of threads may share it."""

    def parse(self, chunk: Chunk) -> ParsedValues:
        """Return the rows, the rejects and what is skipped of ``chunk``. Never raises for what is in it."""
        ...

    def why_no_column(self, value: bytes | None) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        ...
