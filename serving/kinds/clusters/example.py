"""A plausible row of a version: what is put in place of missing numbers, and the most frequent values."""

from __future__ import annotations

import math
from typing import Final

from scoring.forms import Category, Cyclic, Form, Log
from scoring.scorer import ClusterNumbers

Shown = float | int | str | bool

_TIME: Final = "2013-01-01T05:00:00Z"


def example(numbers: ClusterNumbers) -> dict[str, Shown]:
    """Return a row as JSON has it, each input once; numbers are shortened."""
    found: dict[str, Shown] = {}
    at = 0
    for feature in numbers.encoding.features:
        after = at + len(feature.columns)
        # A category's value is of the input's own type, whatever else is made of it.
        if feature.column not in found or isinstance(feature, Category):
            found[feature.column] = _cell(feature, numbers.surrogates[at:after], numbers.mean[at:after])
        at = after
    return {each.name: found[each.name] for each in numbers.encoding.inputs}


def _cell(feature: Form, surrogates: tuple[float, ...], mean: tuple[float, ...]) -> Shown:
    if isinstance(feature, Category):
        # The mean of a 0/1 column is the share of its value.
        shares = mean[: len(feature.values)]
        return feature.values[shares.index(max(shares))]
    if isinstance(feature, Cyclic):
        return _TIME
    return _rounded(_unlogged(surrogates[0]) if isinstance(feature, Log) else surrogates[0])


def _unlogged(x: float) -> float:
    try:
        return math.copysign(math.expm1(abs(x)), x)
    except OverflowError:
        return math.copysign(1e300, x)


def _rounded(x: float) -> float:
    rounded = float(f"{x:.4g}")
    # The largest doubles round to infinity.
    return rounded if math.isfinite(rounded) else x
