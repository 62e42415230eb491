"""A version's centres in the data's own units, and what its clusters' categories and times are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contract.model_version import CategoryStatistics, TimeStatistics
from pipeline.train.kinds.clusters.encode import MISSING_CODE
from scoring.arrays import Floats
from scoring.clock import SLOTS
from scoring.features import Encoding
from scoring.forms import Category, Cyclic, Log
from scoring.scorer import ClusterNumbers

# A centre of times that is no farther from the middle of their circle points nowhere.
_NOWHERE = 1e-9


@np.errstate(over="ignore", invalid="ignore")
def unscaled(scoring: ClusterNumbers, points: Sequence[Sequence[float]] | Floats | None = None) -> Floats:
    """Return scaled ``points`` [n, d], by default the centres, as columns of the encoding, before they are scaled."""
    centers = np.array(scoring.centers if points is None else points)
    if scoring.factors:
        # What weighs nothing does not vary, and is its mean.
        factors = np.array(scoring.factors)
        centers = np.divide(centers, factors, out=np.zeros_like(centers), where=factors != 0)
    return np.asarray(centers * np.array(scoring.std) + np.array(scoring.mean))


@np.errstate(over="ignore")
def in_own_units(scoring: ClusterNumbers) -> Floats:
    """Return the same, but logarithms as the numbers that they are of; none that no double can hold."""
    found = unscaled(scoring)
    for at, feature in zip(places(scoring.encoding), scoring.encoding.features, strict=True):
        if isinstance(feature, Log):
            numbers = np.copysign(np.expm1(np.abs(found[:, at])), found[:, at])
            found[:, at] = np.nan_to_num(numbers)
    return found


def places(encoding: Encoding) -> list[int]:
    """Return the place of each feature's first column."""
    widths = [len(feature.columns) for feature in encoding.features]
    return [sum(widths[:i]) for i in range(len(widths))]


def counted(
    counts: Mapping[str, Mapping[int, int]], size: int, encoding: Encoding, centroid: Sequence[float]
) -> dict[str, Any]:
    """Return the statistics of a cluster's categories and times, of which ``counts`` are the rows by code.

    ``size`` is that of the cluster, and ``centroid`` [d] as :func:`unscaled` gives it.
    """
    categories: dict[str, CategoryStatistics] = {}
    times: dict[str, TimeStatistics] = {}
    for at, feature in zip(places(encoding), encoding.features, strict=True):
        if isinstance(feature, Category):
            categories[feature.name] = _of_category(feature, counts[feature.name], size)
        if isinstance(feature, Cyclic):
            direction = _direction(centroid[at], centroid[at + 1], SLOTS[feature.of])
            found = counts[feature.name]
            shares = tuple(found.get(place, 0) / max(size, 1) for place in range(SLOTS[feature.of]))
            times[feature.name] = TimeStatistics(feature.of, shares, direction, found.get(MISSING_CODE, 0))  # type: ignore[arg-type] # one of SLOTS
    return {"categories": categories, "times": times}


def _of_category(feature: Category, counts: Mapping[int, int], size: int) -> CategoryStatistics:
    shares = {text: counts.get(place, 0) / max(size, 1) for place, text in enumerate(feature.texts)}
    other = counts.get(len(feature.values), 0) / max(size, 1)
    return CategoryStatistics(shares, other, counts.get(MISSING_CODE, 0))


def _direction(sine: float, cosine: float, slots: int) -> float | None:
    if math.hypot(sine, cosine) < _NOWHERE:
        return None
    return math.atan2(sine, cosine) / (2 * math.pi) * slots % slots
