"""What rows must be for clusters to come of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contract.errors import DataError
from pipeline.train.read.rows import FeatureRange


def check_trainable(rows: int, ranges: dict[str, FeatureRange], clusters: int) -> None:
    """Check that ``clusters`` can be told apart by these features.

    Raises
    ------
    DataError: the first feature, or the number of rows, by which they cannot.
    """
    if rows < clusters:
        raise DataError(f"{rows} rows are fewer than the {clusters} clusters that must come of them")
    for name, feature in ranges.items():
        if feature.low is None or feature.high is None:
            raise DataError(f"feature {name!r} has no value in any of the {rows} rows")
        for value in (feature.low, feature.high):
            if math.isinf(value):
                raise DataError(f"feature {name!r} has an infinite value: {value}")
        if feature.low == feature.high:
            raise DataError(f"feature {name!r} is constant: every value is {feature.low:g}")


def check_scale(
    ranges: Mapping[str, FeatureRange], scales: Mapping[str, tuple[str, tuple[float, float, float]]]
) -> None:
    """Check that rows can be scaled by ``scales``, each feature's column, and its surrogate, mean and deviation.

    ``ranges`` are those of the columns.

    Raises
    ------
    DataError: the first feature whose values lie too far apart, or too close together, for their squares.
    """
    for name, (column, scale) in scales.items():
        found = ranges[column]
        span = f"feature {name!r} goes from {found.low!r} to {found.high!r}"
        if not all(math.isfinite(number) for number in scale):
            raise DataError(f"{span}: its variance is larger than the largest double, so it cannot be scaled")
        if scale[-1] == 0.0:
            raise DataError(f"{span}: its variance is smaller than the smallest double, so it cannot be scaled")
