"""What a clustering has to bring: its numbers, and the cluster of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scoring.golden import Golden
from scoring.kmeans import Floats, Integers


class Scorer(Protocol):
    """Assigns rows to the k clusters of one version. Immutable, and small: it goes to a worker with each request.

    ``surrogates`` [d] stand in for missing values; ``centers`` [k, d] are in the scaled space. Rows are in the data's
    own units, NaN where a value is missing.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    centers: tuple[tuple[float, ...], ...]
    labels: tuple[str, ...]

    def assign(self, rows: Floats) -> tuple[Integers, Floats]:
        """Return cluster [n] and distance [n] of ``rows`` [n, d]."""

    def assign_row(self, row: Sequence[float]) -> tuple[int, float]:
        """Return cluster and distance of one row of d numbers."""

    def disagreements(self, golden: Golden) -> Sequence[int]:
        """Return the rows that get another answer here than from Spark, as exactly as this kind can be."""
