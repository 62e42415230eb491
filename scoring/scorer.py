"""What the numbers of a clustering, and what assigns by them, are for those who do not know which clustering it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scoring.arrays import Floats, Integers
from scoring.features import Encoding

Point = tuple[float, ...]


class ClusterNumbers(Protocol):
    """The numbers of one version: d features, k clusters.

    features: d names, those of the columns that ``encoding`` makes of a row's cells; surrogates: [d] put in place of a
    missing value; mean, std: [d] of the scaler; factors: [d] that weigh what is scaled, none where all are 1;
    centers: [k, d] in the scaled space; labels: k names of the clusters.
    """

    @property
    def features(self) -> tuple[str, ...]: ...
    @property
    def surrogates(self) -> Point: ...
    @property
    def mean(self) -> Point: ...
    @property
    def std(self) -> Point: ...
    @property
    def factors(self) -> Point: ...
    @property
    def encoding(self) -> Encoding: ...
    @property
    def centers(self) -> tuple[Point, ...]: ...
    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def middle(self) -> Point:
        """Where the scaler puts the mean [d] of the rows that it was fitted to."""

    def rivals(self) -> Sequence[tuple[Point, Point]]:
        """Return the pairs of points in the scaled space between which a row is decided."""

    def assigner(self) -> ClusterAssigner:
        """Return what assigns rows by these numbers."""

    def named(self, labels: Sequence[str]) -> ClusterNumbers:
        """Return the same with other ``labels``."""

    def to_json(self) -> bytes:
        """Return the scoring file."""


class ClusterAssigner(Protocol):
    """Assigns rows to clusters. Any number of threads may share it."""

    @property
    def scoring(self) -> ClusterNumbers: ...

    def assign(self, rows: Floats) -> tuple[Integers, Floats]:
        """Return cluster [n] and distance [n] of ``rows`` [n, d] in the data's own units, NaN where missing.

        They are rows as the encoding of the numbers makes them.
        """

    def assign_row(self, row: Sequence[float]) -> tuple[int, float]:
        """Return cluster and distance of one row."""

    def scale(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] imputed and scaled, column-major."""
