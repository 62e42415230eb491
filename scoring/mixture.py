"""Spark's impute → scale → probabilities of a Gaussian mixture, in numpy, within :data:`TOLERANCE`.

The formulas are those of Apache Spark's `GaussianMixtureModel.computeProbabilities` and `MultivariateGaussian`:
a small constant plus weight × density, normalised, and the first maximum is the cluster. So a row far from every
component has 1/k of each, and cluster 0. The distance is the Euclidean one, in the scaled space, from the mean of a
row's component: it does not decide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from . import number_file
from .arrays import Floats, Integers
from .euclidean import squares
from .features import Encoding
from .likely import Likely
from .scale import Scale, refuse_infinite, refuse_misfits, refuse_mistyped

MIXTURE_FORMAT: Final = 1

TOLERANCE: Final = 1e-9
"""Relative, of a probability against Spark's.

Sums are added up in another order, and `exp` turns an absolute error of the exponent, which is up to some hundreds,
into a relative one of the density. The eigenvalues are Spark's own: its density hangs on the last bits of small ones.
"""

EPSILON: Final = float(np.finfo(np.float64).eps)
"""`Utils.EPSILON` of Spark: added to each weighted density, and the unit of the tolerance for rank deficiency."""

_MOST_RIVALS: Final = 200
# A double has 52 bits after its first.
_HALVINGS: Final = 53


@dataclass(frozen=True)
class MixtureScoring:
    """The numbers of one version: d features, k components.

    features: d names; surrogates: [d] put in place of a missing value; mean, std: [d] of the scaler;
    weights: [k]; means: [k, d] and covariances: [k, d, d] in the scaled space, these decomposed by the LAPACK of Spark
    into eigenvalues: [k, d] and eigenvectors: [k, d, d], a row each; labels: k names of the clusters. Of typed rows the
    features are the columns of the encoding ``typed``, and ``factors`` [d] weigh what is scaled.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: tuple[float, ...]
    means: tuple[tuple[float, ...], ...]
    covariances: tuple[tuple[tuple[float, ...], ...], ...]
    eigenvalues: tuple[tuple[float, ...], ...]
    eigenvectors: tuple[tuple[tuple[float, ...], ...], ...]
    labels: tuple[str, ...]
    factors: tuple[float, ...] = ()
    typed: Encoding | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together.

        Raises
        ------
        ValueError: names the field and the two sizes.
        """
        width, count = len(self.features), len(self.weights)
        refuse_misfits(self.features, self.surrogates, self.mean, self.std)
        refuse_mistyped(self.features, self.factors, self.typed)
        refuse_infinite(self.surrogates, self.mean, self.std, self.weights)
        if not count or min(self.weights) < 0:
            raise ValueError("weights are one or more numbers, none below zero")
        for name in ("means", "eigenvalues"):
            _refuse_shape(name, getattr(self, name), (count, width))
        for name in ("covariances", "eigenvectors"):
            _refuse_shape(name, getattr(self, name), (count, width, width))
        if len(self.labels) != count:
            raise ValueError(f"{len(self.labels)} labels for {count} weights")

    @cached_property
    def encoding(self) -> Encoding:
        """How rows of cells become rows of d numbers."""
        return self.typed or Encoding.plain(self.features)

    @property
    def centers(self) -> tuple[tuple[float, ...], ...]:
        """The means [k, d] of the components in the scaled space."""
        return self.means

    @property
    def middle(self) -> tuple[float, ...]:
        """Where the scaler puts the mean [d] of the rows that it was fitted to."""
        return (0.0,) * len(self.features)

    def rivals(self) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Return pairs of points, each as far as the other from where the cluster changes between two means."""
        return self.assigner().borders()

    def assigner(self) -> MixtureAssigner:
        """Return what assigns rows by these numbers."""
        return MixtureAssigner(self)

    def named(self, labels: Sequence[str]) -> MixtureScoring:
        """Return the same with other ``labels``."""
        return replace(self, labels=tuple(labels))

    def to_json(self) -> bytes:
        """Return the scoring file; every double survives the round trip exactly."""
        return number_file.write_typed(self, MIXTURE_FORMAT)

    @classmethod
    def from_json(cls, body: bytes) -> MixtureScoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of this format.
        """
        texts, numbers, rows = number_file.texts, number_file.numbers, number_file.rows
        fields = {"features": texts, "surrogates": numbers, "mean": numbers, "std": numbers, "weights": numbers}
        fields |= {"means": rows, "covariances": _matrices, "eigenvalues": rows, "eigenvectors": _matrices}
        fields |= {"labels": texts}
        return cls(**number_file.read_typed(body, MIXTURE_FORMAT, fields))


def _matrices(values: Any) -> tuple[tuple[tuple[float, ...], ...], ...]:
    return tuple(number_file.rows(matrix) for matrix in values)


def _refuse_shape(name: str, values: Any, shape: tuple[int, ...]) -> None:
    try:
        found = np.array(values, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{name} has lists of several lengths, not the shape {shape}") from error
    if found.shape != shape:
        raise ValueError(f"{name} has the shape {found.shape}, not {shape}")
    refuse_infinite(found.flat)


class MixtureAssigner:
    """Gives rows their probabilities under one :class:`MixtureScoring`. Immutable: threads may share it."""

    least_tolerance: Final = TOLERANCE

    def __init__(self, scoring: MixtureScoring) -> None:
        self.scoring = scoring
        self._scale = Scale(scoring.surrogates, scoring.mean, scoring.std, scoring.factors)
        self._weights, self._means = np.array(scoring.weights), np.array(scoring.means)
        pairs = zip(scoring.eigenvalues, scoring.eigenvectors, strict=True)
        # Numbers that a double cannot hold give other answers than Spark's, and are told by the golden rows.
        with np.errstate(all="ignore"):
            roots, self._peaks = zip(
                *(_root(np.array(values), np.array(vectors)) for values, vectors in pairs), strict=True
            )
            self._roots = np.array(roots)
            self._shifts = np.einsum("kij,kj->ki", self._roots, self._means)

    def scale(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] imputed and scaled, column-major."""
        return self._scale.rows(rows)

    def assign(self, rows: Floats) -> tuple[Integers, Floats]:
        """Return cluster [n] and distance [n] of ``rows`` [n, d], as :meth:`assign_likely` does."""
        clusters, distances, _ = self.assign_likely(rows)
        return clusters, distances

    def assign_row(self, row: Sequence[float]) -> tuple[int, float]:
        """Return cluster and distance of one row of d numbers, NaN where a value is missing."""
        clusters, distances = self.assign(np.array([row], dtype=np.float64))
        return int(clusters[0]), float(distances[0])

    def assign_likely(self, rows: Floats) -> Likely:
        """Return cluster [n], distance [n] from its mean, and the probability [n, k] of each component.

        ``rows`` [n, d] are in the data's own units, NaN where a value is missing. A row whose products no double can
        hold has NaN for all probabilities, and cluster 0, as in Spark; all others' add up to 1.
        """
        points = self.scale(rows)
        found = self._probabilities(points)
        # Of probabilities that are NaN, all are, and numpy's first maximum is the first NaN.
        clusters = found.argmax(axis=1).astype(np.int32)
        return Likely(clusters, self._distances(points, clusters), found)

    def tolerance(self, rows: Floats) -> Floats:
        """Return how large [n], relative, a probability's difference from Spark's may be.

        It is :data:`TOLERANCE` but for rows that lie beside a component of no width in some direction, nearer than any
        two values of a feature are: there each side's last bits decide, and what rounding alone may make is the limit.
        """
        points = self.scale(rows)
        weighted = self._densities(points)
        errors = np.empty_like(weighted)
        with np.errstate(over="ignore", invalid="ignore"):
            for i, (root, mean) in enumerate(zip(self._roots, self._means, strict=True)):
                terms = (np.abs(points) + np.abs(mean)) @ np.abs(root).T
                errors[:, i] = len(root) * EPSILON * (np.abs(self._away(points, i)) * terms).sum(axis=1)
            # A density of no weight beside the constant moves nothing, however uncertain it is.
            moved = np.where(weighted > 0, errors * weighted / (EPSILON + weighted), 0.0)
        return np.asarray(np.maximum(2 * moved.max(axis=1), TOLERANCE))

    def borders(self) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Return pairs of points of the scaled space; half way between them the cluster changes, from mean to mean."""
        of_mean = self._probabilities(self._means).argmax(axis=1)
        count = len(of_mean)
        pairs = [(i, j) for i in range(count) for j in range(count) if of_mean[i] != of_mean[j]]
        chosen = np.array(pairs[:: max(1, len(pairs) // _MOST_RIVALS)], dtype=np.int64).reshape(-1, 2)
        one, other = self._means[chosen[:, 0]], self._means[chosen[:, 1]]
        first = of_mean[chosen[:, 0]]
        same, changed = np.zeros((len(chosen), 1)), np.ones((len(chosen), 1))
        for _ in range(_HALVINGS):
            middle = (same + changed) / 2
            alike = self._probabilities(one + middle * (other - one)).argmax(axis=1) == first
            same, changed = np.where(alike[:, None], middle, same), np.where(alike[:, None], changed, middle)
        border, reach = one + changed * (other - one), (other - one) / 2
        ends = zip((border - reach).tolist(), (border + reach).tolist(), strict=True)
        return [(tuple(before), tuple(after)) for before, after in ends]

    def _probabilities(self, points: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            weighted = EPSILON + self._densities(points)
            return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))

    def _distances(self, points: Floats, clusters: Integers) -> Floats:
        found = np.empty(len(points))
        with np.errstate(over="ignore"):
            for cluster in np.unique(clusters):
                here = clusters == cluster
                found[here] = np.sqrt(squares(points[here], self.scoring.means[cluster]))
        return found

    def _densities(self, points: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            found = [
                np.exp(peak - 0.5 * (self._away(points, i) ** 2).sum(axis=1)) for i, peak in enumerate(self._peaks)
            ]
        return np.asarray(self._weights * np.array(found).T)

    def _away(self, points: Floats, component: int) -> Floats:
        """Return the distances [n, d] from the mean of a component along its axes, in its own deviations."""
        return np.asarray(self._shifts[component] - points @ self._roots[component].T)


def _root(values: Floats, vectors: Floats) -> tuple[Floats, float]:
    """Return D^(-1/2) Uᵀ [d, d], zero where rank is wanting, and the log-density at the mean.

    `MultivariateGaussian.calculateCovarianceConstants`: pseudo-inverse and pseudo-determinant. Where no eigenvalue is
    above zero, the density is the same everywhere.
    """
    kept = values > EPSILON * values.max() * len(values)
    inverse = np.zeros_like(values)
    inverse[kept] = np.sqrt(1.0 / values[kept])
    logs = len(values) * math.log(2.0 * math.pi) + float(np.log(values[kept]).sum())
    return inverse[:, None] * vectors, -0.5 * logs
