"""Squares and norms added up left to right, as Spark's `Vectors.sqdist` and `Vectors.norm` do for dense vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .arrays import Floats


def square(center: Sequence[float], point: Sequence[float]) -> float:
    """Return the squared distance of two points of d numbers."""
    total = 0.0
    for c, x in zip(center, point, strict=True):
        difference = c - x
        total += difference * difference
    return total


def squares(points: Floats, center: Sequence[float] | None) -> Floats:
    """Return the squared distance [n] of each of ``points`` [n, d] from ``center``, or from zero."""
    total = np.zeros(len(points), dtype=np.float64)
    for j in range(points.shape[1]):
        difference = points[:, j] if center is None else points[:, j] - center[j]
        total += difference * difference
    return total


def norm(point: Sequence[float]) -> float:
    """Return the distance of a point of d numbers from zero."""
    total = 0.0
    for x in point:
        total += x * x
    return math.sqrt(total)
