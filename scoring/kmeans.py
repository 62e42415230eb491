"""Spark's impute → scale → nearest centre, in numpy, with the very same floating-point operations.

Order matters near a tie between two centres, so each formula follows Apache Spark's sources:
`Imputer`, `StandardScalerModel.getTransformFunc` and `EuclideanDistanceMeasure.findClosest`
(sum of squares left to right, the triangle-inequality shortcuts included).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]

SCORING_FORMAT: Final = 1
# Below this many rows plain Python arithmetic is quicker than numpy's cost per call.
FEW_ROWS: Final = 4


@dataclass(frozen=True)
class Scoring:
    """The numbers of one version: d features, k centres.

    features: d names; surrogates: [d] put in place of a missing value; mean, std: [d] of the scaler;
    centers: [k, d] in the scaled space; labels: k names of the clusters.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    centers: tuple[tuple[float, ...], ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together.

        Raises
        ------
        ValueError: names the field and the two sizes.
        """
        width = len(self.features)
        for name in ("surrogates", "mean", "std"):
            if len(getattr(self, name)) != width:
                raise ValueError(f"{name} has {len(getattr(self, name))} numbers for {width} features")
        if not self.centers or any(len(center) != width for center in self.centers):
            raise ValueError(f"every one of the centers needs {width} numbers, one a feature")
        if len(self.labels) != len(self.centers):
            raise ValueError(f"{len(self.labels)} labels for {len(self.centers)} centers")
        numbers = [*self.surrogates, *self.mean, *self.std, *(x for center in self.centers for x in center)]
        if not all(math.isfinite(x) for x in numbers):
            raise ValueError("a number is NaN or infinite")

    def to_json(self) -> bytes:
        """Return the scoring file; every double survives the round trip exactly."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps({"format": SCORING_FORMAT, **fields}, indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Scoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of this format.
        """
        try:
            fields = json.loads(body)
            if fields.pop("format") != SCORING_FORMAT:
                raise ValueError(f"its format is not {SCORING_FORMAT}")
            scoring = cls(
                features=tuple(str(name) for name in fields.pop("features")),
                surrogates=_numbers(fields.pop("surrogates")),
                mean=_numbers(fields.pop("mean")),
                std=_numbers(fields.pop("std")),
                centers=tuple(_numbers(center) for center in fields.pop("centers")),
                labels=tuple(str(label) for label in fields.pop("labels")),
            )
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a scoring file: {error!r}") from error
        if fields:
            raise ValueError(f"not a scoring file of format {SCORING_FORMAT}: unknown {', '.join(fields)}")
        return scoring


def _numbers(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(x) for x in values)


class Assigner:
    """Assigns rows to the clusters of one :class:`Scoring`. Immutable, so any number of threads may share it."""

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring
        # 1/std, and 0 where the feature is constant: StandardScalerModel multiplies, it never divides.
        self._factor = tuple(0.0 if std == 0.0 else 1.0 / std for std in scoring.std)
        self._norms = tuple(_norm(center) for center in scoring.centers)
        self._bounds = _bounds(scoring.centers)

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
        scaled = np.empty(rows.shape, dtype=np.float64, order="F")
        for j, surrogate in enumerate(self.scoring.surrogates):
            column = rows[:, j]
            filled = np.where(np.isnan(column), surrogate, column)
            scaled[:, j] = (filled - self.scoring.mean[j]) * self._factor[j]
        return scaled

    def assign_row(self, row: Sequence[float]) -> tuple[int, float]:
        """Return cluster and distance of one row of d numbers, NaN where a value is missing."""
        scoring = self.scoring
        point = [
            ((surrogate if x != x else x) - mean) * factor  # noqa: PLR0124 - NaN is what differs from itself
            for x, surrogate, mean, factor in zip(row, scoring.surrogates, scoring.mean, self._factor, strict=True)
        ]
        centers, bounds = scoring.centers, self._bounds
        best, best_square = 0, _square(centers[0], point)
        if best_square < bounds[0][0]:
            return 0, math.sqrt(best_square)
        norm = _norm(point)
        for i in range(1, len(centers)):
            gap = self._norms[i] - norm
            if gap * gap < best_square and bounds[i][best] < best_square:
                square = _square(centers[i], point)
                if square < bounds[i][i]:
                    return i, math.sqrt(square)
                if square < best_square:
                    best, best_square = i, square
        return best, math.sqrt(best_square)

    def _assign_many(self, points: Floats) -> tuple[Integers, Floats]:
        """The same walk over the centres for all rows at once: a row that is decided is left alone."""
        centers = self.scoring.centers
        bounds = np.array(self._bounds)
        norms = np.sqrt(_sum_of_squares(points, None))
        best = np.zeros(len(points), dtype=np.int32)
        best_square = _sum_of_squares(points, centers[0])
        undecided = ~(best_square < bounds[0, 0])
        for i in range(1, len(centers)):
            gap = self._norms[i] - norms
            looked_at = undecided & (gap * gap < best_square) & (bounds[i, best] < best_square)
            if not looked_at.any():
                continue
            square = _sum_of_squares(points, centers[i])
            decided = looked_at & (square < bounds[i, i])
            better = looked_at & (decided | (square < best_square))
            best[better] = i
            best_square[better] = square[better]
            undecided &= ~decided
        return best, np.sqrt(best_square)


def _sum_of_squares(points: Floats, center: Sequence[float] | None) -> Floats:
    total = np.zeros(len(points), dtype=np.float64)
    for j in range(points.shape[1]):
        difference = points[:, j] if center is None else points[:, j] - center[j]
        total += difference * difference
    return total


def _square(center: Sequence[float], point: Sequence[float]) -> float:
    total = 0.0
    for c, x in zip(center, point, strict=True):
        difference = c - x
        total += difference * difference
    return total


def _norm(point: Sequence[float]) -> float:
    total = 0.0
    for x in point:
        total += x * x
    return math.sqrt(total)


def _bounds(centers: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """Return [k, k] a quarter of the squared distance between centres; on the diagonal, that to the nearest."""
    points = np.array(centers, dtype=np.float64)
    table = np.zeros((len(points), len(points)))
    with np.errstate(over="ignore"):
        # Feature by feature, as `_square` adds up; a sum over an axis would round otherwise.
        for column in points.T:
            difference = column[:, None] - column[None, :]
            table += difference * difference
        distance = np.sqrt(table)
        table = 0.25 * distance * distance
    np.fill_diagonal(table, math.inf)
    # Spark skips the shortcut of a single centre with a NaN, against which every comparison is false.
    np.fill_diagonal(table, table.min(axis=1) if len(points) > 1 else math.nan)
    return tuple(tuple(row) for row in table.tolist())
