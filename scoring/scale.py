"""Spark's impute → scale, in numpy, with the very same floating-point operations.

The formulas are those of Apache Spark's `Imputer` and `StandardScalerModel.getTransformFunc`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from .arrays import Floats


def refuse_misfits(
    features: Sequence[str], surrogates: Sequence[float], mean: Sequence[float], std: Sequence[float]
) -> None:
    """Refuse numbers of a scale that are not one a feature.

    Raises
    ------
    ValueError: names the field and the two sizes.
    """
    for name, numbers in (("surrogates", surrogates), ("mean", mean), ("std", std)):
        if len(numbers) != len(features):
            raise ValueError(f"{name} has {len(numbers)} numbers for {len(features)} features")


def refuse_infinite(*groups: Iterable[float]) -> None:
    """Refuse numbers that no model has.

    Raises
    ------
    ValueError: one is NaN or infinite.
    """
    if not all(math.isfinite(x) for group in groups for x in group):
        raise ValueError("a number is NaN or infinite")


class Scale:
    """Puts ``surrogates`` [d] in place of what is missing, takes ``mean`` [d] away and divides by ``std`` [d]."""

    def __init__(self, surrogates: Sequence[float], mean: Sequence[float], std: Sequence[float]) -> None:
        self._surrogates, self._mean = surrogates, mean
        # 1/std, and 0 where the feature is constant: StandardScalerModel multiplies, it never divides.
        self._factor = tuple(0.0 if x == 0.0 else 1.0 / x for x in std)

    def row(self, row: Sequence[float]) -> list[float]:
        """Return one row of d numbers, NaN where a value is missing, imputed and scaled."""
        return [
            ((surrogate if x != x else x) - mean) * factor  # noqa: PLR0124 - NaN is what differs from itself
            for x, surrogate, mean, factor in zip(row, self._surrogates, self._mean, self._factor, strict=True)
        ]

    def rows(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] imputed and scaled, column-major."""
        scaled = np.empty(rows.shape, dtype=np.float64, order="F")
        for j, surrogate in enumerate(self._surrogates):
            column = rows[:, j]
            filled = np.where(np.isnan(column), surrogate, column)
            scaled[:, j] = (filled - self._mean[j]) * self._factor[j]
        return scaled
