"""Spark's impute → scale → nearest centre, in numpy, with the very same floating-point operations.

Order matters near a tie between two centres, so the walk follows `EuclideanDistanceMeasure.findClosest` of Apache
Spark (sum of squares left to right, the triangle-inequality shortcuts included).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from . import number_file
from .arrays import Floats, Integers
from .euclidean import norm, square, squares
from .features import Encoding
from .scale import Scale, refuse_infinite, refuse_misfits, refuse_mistyped

__all__ = ["FEW_ROWS", "SCORING_FORMAT", "Assigner", "Floats", "Integers", "Scoring"]

SCORING_FORMAT: Final = 1
# Below this many rows plain Python arithmetic is quicker than numpy's cost per call.
FEW_ROWS: Final = 4

# Distances that are worked on at once, so that they stay near the processor.
_AT_ONCE: Final = 32_768

MOST_BOUND: Final = 1_000
MOST_BOUND_NUMBERS: Final = 1_000_000
"""From so many centres k, or so many k²·d, Spark knows no distances between centres, and walks without their shortcuts.

`DistanceMeasure.shouldComputeStatistics` and `shouldComputeStatisticsLocally` of Spark, as `KMeansModel` asks them.
"""


@dataclass(frozen=True)
class Scoring:
    """The numbers of one version: d features, k centres.

    features: d names; surrogates: [d] put in place of a missing value; mean, std: [d] of the scaler;
    centers: [k, d] in the scaled space; labels: k names of the clusters. Of typed rows the features are the columns of
    the encoding ``typed``, and ``factors`` [d] weigh what is scaled.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    centers: tuple[tuple[float, ...], ...]
    labels: tuple[str, ...]
    factors: tuple[float, ...] = ()
    typed: Encoding | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together.

        Raises
        ------
        ValueError: names the field and the two sizes.
        """
        width = len(self.features)
        refuse_misfits(self.features, self.surrogates, self.mean, self.std)
        refuse_mistyped(self.features, self.factors, self.typed)
        if not self.centers or any(len(center) != width for center in self.centers):
            raise ValueError(f"every one of the centers needs {width} numbers, one a feature")
        if len(self.labels) != len(self.centers):
            raise ValueError(f"{len(self.labels)} labels for {len(self.centers)} centers")
        refuse_infinite(self.surrogates, self.mean, self.std, *self.centers)

    @cached_property
    def encoding(self) -> Encoding:
        """How rows of cells become rows of d numbers."""
        return self.typed or Encoding.plain(self.features)

    @property
    def middle(self) -> tuple[float, ...]:
        """Where the scaler puts the mean [d] of the rows that it was fitted to."""
        return (0.0,) * len(self.features)

    def rivals(self) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Return the pairs of centres between which a row is decided: all."""
        count = len(self.centers)
        return [(self.centers[i], self.centers[j]) for i in range(count) for j in range(i + 1, count)]

    def assigner(self) -> Assigner:
        """Return what assigns rows by these numbers."""
        return Assigner(self)

    def named(self, labels: Sequence[str]) -> Scoring:
        """Return the same with other ``labels``."""
        return replace(self, labels=tuple(labels))

    def to_json(self) -> bytes:
        """Return the scoring file; every double survives the round trip exactly."""
        return number_file.write_typed(self, SCORING_FORMAT)

    @classmethod
    def from_json(cls, body: bytes) -> Scoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of this format.
        """
        texts, numbers = number_file.texts, number_file.numbers
        fields = {"features": texts, "surrogates": numbers, "mean": numbers, "std": numbers}
        fields |= {"centers": number_file.rows, "labels": texts}
        return cls(**number_file.read_typed(body, SCORING_FORMAT, fields))


class Assigner:
    """Assigns rows to the clusters of one :class:`Scoring`. Immutable, so any number of threads may share it."""

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring
        self._scale = Scale(scoring.surrogates, scoring.mean, scoring.std, scoring.factors)
        self._norms = tuple(norm(center) for center in scoring.centers)
        k, d = len(scoring.centers), len(scoring.features)
        self._bounds = _bounds(scoring.centers) if k < MOST_BOUND and k * k * d < MOST_BOUND_NUMBERS else None

    def __reduce__(self) -> tuple[type[Assigner], tuple[Scoring]]:
        """Travel as the numbers alone: k² bounds are sooner made than sent."""
        return Assigner, (self.scoring,)

    @cached_property
    def _bounds_by_row(self) -> tuple[memoryview, ...]:
        """The bounds of each centre, whose items are Python's own floats."""
        assert self._bounds is not None  # noqa: S101 - asked where there are any
        return tuple(memoryview(row) for row in self._bounds)

    @cached_property
    def _rivals(self) -> Floats:
        """The bounds without those that a centre has for itself."""
        rivals: Floats = np.array(self._bounds)
        np.fill_diagonal(rivals, -math.inf)
        return rivals

    @cached_property
    def _columns(self) -> Floats:
        """The centres [d, k, 1], feature by feature."""
        return np.ascontiguousarray(np.array(self.scoring.centers, dtype=np.float64).T)[:, :, None]

    @cached_property
    def _norms_of(self) -> Floats:
        return np.array(self._norms)

    def assign(self, rows: Floats) -> tuple[Integers, Floats]:
        """Return cluster [n] and Euclidean distance [n] in the scaled space of ``rows`` [n, d].

        ``rows`` are in the data's own units, NaN where a value is missing.
        """
        if len(rows) <= FEW_ROWS:
            pairs = [self.assign_row(row) for row in rows.tolist()]
            clusters = np.array([cluster for cluster, _ in pairs], dtype=np.int32)
            return clusters, np.array([distance for _, distance in pairs], dtype=np.float64)
        return self._assign_many(self.scale(rows))

    def scale(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] imputed and scaled, column-major."""
        return self._scale.rows(rows)

    def assign_row(self, row: Sequence[float]) -> tuple[int, float]:
        """Return cluster and distance of one row of d numbers, NaN where a value is missing."""
        point = self._scale.row(row)
        if self._bounds is not None:
            return self._walk_bounded(point)
        clusters, distances = self._assign_many(np.array([point]))
        return int(clusters[0]), float(distances[0])

    def _walk_bounded(self, point: Sequence[float]) -> tuple[int, float]:
        """Spark's walk over the centres, with the shortcuts of the triangle inequality."""
        centers, bounds = self.scoring.centers, self._bounds_by_row
        best, best_square = 0, square(centers[0], point)
        if best_square < bounds[0][0]:
            return 0, math.sqrt(best_square)
        length = norm(point)
        for i in range(1, len(centers)):
            gap = self._norms[i] - length
            if gap * gap < best_square and bounds[i][best] < best_square:
                found = square(centers[i], point)
                if found < bounds[i][i]:
                    return i, math.sqrt(found)
                if found < best_square:
                    best, best_square = i, found
        return best, math.sqrt(best_square)

    def _walk_unbounded(self, point: Sequence[float]) -> tuple[int, float]:
        """Spark's walk over very many centres: all of them, but for those that by their norm alone are farther."""
        best, best_square, length = 0, math.inf, norm(point)
        for i, center in enumerate(self.scoring.centers):
            gap = self._norms[i] - length
            if gap * gap < best_square:
                found = square(center, point)
                if found < best_square:
                    best, best_square = i, found
        return best, math.sqrt(best_square)

    def _assign_many(self, points: Floats) -> tuple[Integers, Floats]:
        """Return what the walk returns for each of ``points`` [n, d]: the first of the nearest centres.

        It ends elsewhere only where rounding makes a shortcut say more than the distances do; such a row is walked.
        """
        step = max(1, _AT_ONCE // len(self._norms))
        # A square beyond all doubles is infinitely far, as it is in Spark.
        with np.errstate(over="ignore", invalid="ignore"):
            blocks = [self._nearest(points[begin : begin + step]) for begin in range(0, max(1, len(points)), step)]
        best, best_square, sure = blocks[0] if len(blocks) == 1 else map(np.concatenate, zip(*blocks, strict=True))
        best, distances = best.astype(np.int32), np.sqrt(best_square)
        if not sure.all():
            walk = self._walk_unbounded if self._bounds is None else self._walk_bounded
            for i in np.flatnonzero(~sure).tolist():
                best[i], distances[i] = walk(points[i].tolist())
        return best, distances

    def _nearest(self, points: Floats) -> tuple[Integers, Floats, npt.NDArray[np.bool_]]:
        """Return the nearest centre [n], its squared distance [n], and whether no shortcut can have passed it over.

        None has where its norm is no farther from the point's than it is itself, and where, of every other centre, it
        is nearer than twice the distance of the point: then the walk has something farther in hand when it comes to
        it, does not stop before, and finds nothing nearer behind it.
        """
        table = np.zeros((len(self._norms), len(points)))
        difference = np.empty_like(table)
        # Feature by feature, as `square` adds up.
        for j, column in enumerate(self._columns):
            np.subtract(points[:, j], column, out=difference)
            difference *= difference
            table += difference
        best = table.argmin(axis=0)
        found = table[best, np.arange(len(points))]
        gap = self._norms_of[best] - np.sqrt(squares(points, None))
        sure = gap * gap <= found
        if self._bounds is not None:
            sure &= (self._rivals.take(best, axis=1) < table).all(axis=0)
        return best, found, sure


def _bounds(centers: Sequence[Sequence[float]]) -> Floats:
    """Return [k, k] a quarter of the squared distance between centres; on the diagonal, that to the nearest."""
    points = np.array(centers, dtype=np.float64)
    table = np.zeros((len(points), len(points)))
    with np.errstate(over="ignore"):
        # Feature by feature, as `square` adds up; a sum over an axis would round otherwise.
        for column in points.T:
            difference = column[:, None] - column[None, :]
            table += difference * difference
        distance = np.sqrt(table)
        table = 0.25 * distance * distance
    np.fill_diagonal(table, math.inf)
    # Spark skips the shortcut of a single centre with a NaN, against which every comparison is false.
    np.fill_diagonal(table, table.min(axis=1) if len(points) > 1 else math.nan)
    return table
