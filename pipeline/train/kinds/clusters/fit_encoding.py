"""Fits an encoding to the rows of a batch: which values of a category get a column, and what a zone's clocks show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pyspark.sql import functions as fn

from contract import features as declared
from contract.errors import ConfigurationError, DataError
from contract.features import LONGEST_VALUE, MOST_DISTINCT, CellType, Declared, names_of
from pipeline.train.kinds.clusters import encode
from scoring.clock import SLOTS, TABLE_END_US, UTC, Zone
from scoring.features import Encoding, Input
from scoring.forms import Category, Cyclic, Form, Log, Number, Value

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SECOND: Final = 10**6


def fit_encoding(rows: DataFrame, features: Sequence[Declared], inputs: Mapping[str, CellType]) -> Encoding:
    """Return how ``rows`` are encoded, which have the columns ``inputs``, each of its type.

    Raises
    ------
    DataError: a category or a time has no value, one only, or too many.
    """
    zones = {name: _zone(rows.sparkSession, name) for name in _zones(features)}
    fitted = tuple(
        _fitted(rows, feature, name, zones) for feature, name in zip(features, names_of(features), strict=True)
    )
    return Encoding(tuple(Input(name, kind) for name, kind in inputs.items()), fitted)


def _zones(features: Sequence[Declared]) -> dict[str, None]:
    return dict.fromkeys(feature.zone for feature in features if isinstance(feature, declared.Cyclic))


def _fitted(rows: DataFrame, feature: Declared, name: str, zones: Mapping[str, Zone]) -> Form:
    flag = feature.missing == "flag"
    if isinstance(feature, declared.Category):
        return Category(name, feature.column, _values(rows, feature), flag)
    if isinstance(feature, declared.Cyclic):
        found = Cyclic(name, feature.column, feature.of, circle(feature.of), zones[feature.zone], flag)
        _check_slots(rows, found)
        return found
    return (Log if isinstance(feature, declared.Log) else Number)(name, feature.column, flag)


def circle(of: str) -> tuple[tuple[float, float], ...]:
    """Return sine and cosine of each slot of an hour, a weekday or a month."""
    turns = [2 * math.pi * place / SLOTS[of] for place in range(SLOTS[of])]
    return tuple((math.sin(turn), math.cos(turn)) for turn in turns)


def _values(rows: DataFrame, feature: declared.Category) -> tuple[Value, ...]:
    """Return the most frequent values, of equally frequent ones the least; in their own order."""
    column = fn.col(feature.column)
    counts = rows.groupBy(column.alias("value")).agg(fn.count(fn.lit(1)).alias("count"))
    # A text of a megabyte can be a value, and is counted, but not brought here.
    short = fn.length(fn.col("value").cast("string")) <= LONGEST_VALUE
    ordered = counts.orderBy(fn.desc("count"), fn.asc("value")).limit(MOST_DISTINCT + 2)
    found = ordered.select(
        fn.when(short, fn.col("value")).alias("value"), fn.col("value").isNull().alias("is_missing")
    ).collect()
    present = [row["value"] for row in found if not row["is_missing"]]
    if len(present) > MOST_DISTINCT:
        distinct = counts.where(fn.col("value").isNotNull()).count()
        raise DataError(
            f"features: {feature.column!r} as category has {distinct:,} distinct values, of which {MOST_DISTINCT:,} "
            f"are taken: it is an id, not a category; leave it out"
        )
    kept = [value for value in present if value is not None][: feature.max_categories]
    _check_values(feature.column, found, kept)
    return tuple(sorted(kept))


def _check_values(column: str, found: Sequence[Any], kept: Sequence[Value]) -> None:
    if all(row["is_missing"] for row in found):
        raise DataError(f"feature {column!r} has no value in any of the rows")
    if not kept:
        raise DataError(f"feature {column!r} has only values of more than {LONGEST_VALUE} characters: no category")
    if len(found) == 1:
        raise DataError(f"feature {column!r} is constant: every value is {kept[0]!r}")


def _check_slots(rows: DataFrame, feature: Cyclic) -> None:
    counts = rows.groupBy(fn.expr(encode.code(feature)).alias("slot")).count().collect()
    slots = sorted(row["slot"] for row in counts if row["slot"] != encode.MISSING_CODE)
    if not slots:
        raise DataError(f"feature {feature.name!r} has no value in any of the rows")
    if len(slots) == 1:
        raise DataError(f"feature {feature.name!r} is constant: the {feature.of} of every time is {slots[0]}, from 0")


def _zone(spark: SparkSession, name: str) -> Zone:
    """Return the zone as Spark's own JVM knows it, so that what it shows and what is shown without it are the same."""
    if name == "UTC":
        return UTC
    gateway = spark.sparkContext._gateway
    assert gateway is not None  # noqa: S101 - there is a session
    java = gateway.jvm.java.time
    try:
        rules = java.ZoneId.of(name, java.ZoneId.SHORT_IDS).getRules()
    except Exception as error:
        raise ConfigurationError(f"zone {name!r}: Spark's Java does not know it; choose another ({error})") from error
    since, offsets = [], [int(rules.getOffset(java.Instant.MIN).getTotalSeconds())]
    change = rules.nextTransition(java.Instant.MIN)
    while change is not None and change.toEpochSecond() * _SECOND < TABLE_END_US:
        since.append(int(change.toEpochSecond()) * _SECOND)
        offsets.append(int(change.getOffsetAfter().getTotalSeconds()))
        change = rules.nextTransition(change.getInstant())
    return Zone(tuple(since), tuple(offsets), name)
