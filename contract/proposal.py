"""What is known of a table before anything is learnt from it, and what a kind of model would make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MOST_COUNTED: Final = 10_000
"""Distinct values that are counted; of more it is known only that they are more."""

MOST_UNLIKELY: Final = 0.1
"""What a proposal has that only makes a stream file whole: nothing can be learnt."""


@dataclass(frozen=True)
class ColumnFacts:
    """What the values of one column are, of all rows that were looked at.

    ``missing_share`` is that of the worst third of the rows, for a batch is such a third; ``same_in_a_third`` says
    whether a third has one value only, or times of one hour.
    """

    name: str
    type: str
    rows: int
    missing: int
    missing_share: float
    distinct: int | None
    """How many values differ; None: more than ``MOST_COUNTED``."""
    is_unique: bool = False
    is_id: bool = False
    """It names things, by its name or because its numbers count the rows."""
    low: float | None = None
    high: float | None = None
    longest: int = 0
    """Characters of the longest text."""
    varies: bool = True
    """Whether the parts of a time that a clock shows are not all alike."""
    same_in_a_third: bool = False


@dataclass(frozen=True)
class Table:
    """The columns of a table of ``rows`` rows, of which a batch has ``batch_rows``."""

    rows: int
    batch_rows: int
    columns: Sequence[ColumnFacts]
    event_time: str | None = None

    def __iter__(self) -> Iterator[ColumnFacts]:
        """Yield the columns in their order."""
        return iter(self.columns)


@dataclass(frozen=True)
class Proposal:
    """What a kind of model would learn from a table: its sections of a stream file.

    ``likeliness`` (0 to 1) says how much the table looks as if it were made for it; the likeliest kind is proposed.
    """

    likeliness: float
    model: Mapping[str, Any]
    features: Sequence[str | Mapping[str, Any]] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why a column is no feature, by its name."""
    notes: Sequence[str] = ()
    """What the person should look at."""
    id: Sequence[str] = ()
