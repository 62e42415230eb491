"""Spark's impute → scale → weigh, in numpy, with the very same floating-point operations.

The formulas are those of Apache Spark's `Imputer`, `StandardScalerModel.getTransformFunc` and `ElementwiseProduct`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from .arrays import Floats
from .features import Encoding


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


def refuse_mistyped(features: Sequence[str], factors: Sequence[float], typed: Encoding | None) -> None:
    """Refuse features that are not the columns of their encoding, and factors that are not one a column.

    Raises
    ------
    ValueError: names what does not fit.
    """
    if typed is not None and tuple(features) != typed.names:
        raise ValueError("features are not the columns of the encoding")
    if len(factors) != (0 if typed is None else len(features)):
        raise ValueError(f"factors has {len(factors)} numbers for {len(features)} features, typed or not")
    refuse_infinite(factors)


class Scale:
    """Puts ``surrogates`` [d] in place of what is missing, takes ``mean`` [d] away and divides by ``std`` [d].

    ``factors`` [d], where there are any, weigh what comes of it.
    """

    def __init__(
        self, surrogates: Sequence[float], mean: Sequence[float], std: Sequence[float], factors: Sequence[float] = ()
    ) -> None:
        self._surrogates, self._mean = surrogates, mean
        self._factors = () if all(x == 1 for x in factors) else tuple(factors)
        # 1/std, and 0 where the feature is constant: StandardScalerModel multiplies, it never divides.
        self._inverse = tuple(0.0 if x == 0.0 else 1.0 / x for x in std)

    def row(self, row: Sequence[float]) -> list[float]:
        """Return one row of d numbers, NaN where a value is missing, imputed and scaled."""
        scaled = [
            ((surrogate if x != x else x) - mean) * inverse  # noqa: PLR0124 - NaN is what differs from itself
            for x, surrogate, mean, inverse in zip(row, self._surrogates, self._mean, self._inverse, strict=True)
        ]
        return [x * factor for x, factor in zip(scaled, self._factors, strict=True)] if self._factors else scaled

    def rows(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] imputed and scaled, column-major."""
        columns = np.array(rows.T, dtype=np.float64, order="C")
        np.copyto(columns, self._columns[0], where=np.isnan(columns))
        columns -= self._columns[1]
        columns *= self._columns[2]
        if self._factors:
            columns *= self._columns[3]
        return columns.T

    @cached_property
    def _columns(self) -> tuple[Floats, ...]:
        """Surrogates, means, inverses and factors, each [d, 1]."""
        each = (self._surrogates, self._mean, self._inverse, self._factors)
        return tuple(np.array(numbers, dtype=np.float64)[:, None] for numbers in each)
