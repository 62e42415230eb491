"""Aggregates of every feature at once, in plans that stay small however many features there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pyspark.sql import functions as fn

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# More would be expressions by the thousand, over which Spark spends minutes, or its stack.
WIDE: Final = 200

Measures = tuple[Any, ...]


def aggregate(
    rows: DataFrame,
    keys: Sequence[str],
    whole: Sequence[Column],
    features: Sequence[str],
    each: Sequence[Callable[[Column], Column]],
) -> dict[tuple[Any, ...], tuple[Measures, dict[str, Measures]]]:
    """Return, by the values of ``keys``, the aggregates ``whole`` of the rows and the aggregates ``each`` of a feature.

    One job; two where there are more features than ``WIDE``, whose values are then grouped by their position.
    """
    if len(features) > WIDE:
        return _by_position(rows, keys, whole, features, each)
    columns = [*whole, *(measure(fn.col(name)) for name in features for measure in each)]
    found: dict[tuple[Any, ...], tuple[Measures, dict[str, Measures]]] = {}
    for row in rows.groupBy(*keys).agg(*columns).collect():
        at = len(keys) + len(whole)
        of_features = {
            name: tuple(row[at + j * len(each) : at + (j + 1) * len(each)]) for j, name in enumerate(features)
        }
        found[tuple(row[: len(keys)])] = (tuple(row[len(keys) : at]), of_features)
    return found


def _by_position(
    rows: DataFrame,
    keys: Sequence[str],
    whole: Sequence[Column],
    features: Sequence[str],
    each: Sequence[Callable[[Column], Column]],
) -> dict[tuple[Any, ...], tuple[Measures, dict[str, Measures]]]:
    found: dict[tuple[Any, ...], tuple[Measures, dict[str, Measures]]] = {
        tuple(row[: len(keys)]): (tuple(row[len(keys) :]), {}) for row in rows.groupBy(*keys).agg(*whole).collect()
    }
    values = rows.select(*keys, fn.posexplode(fn.array(*features)).alias("_position", "_value"))
    measured = values.groupBy(*keys, "_position").agg(*(measure(fn.col("_value")) for measure in each))
    for row in measured.collect():
        found[tuple(row[: len(keys)])][1][features[row["_position"]]] = tuple(row[len(keys) + 1 :])
    return found
