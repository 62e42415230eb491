"""Distinct points among prepared rows: fewer than clusters asked for cannot become as many clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.ml.functions import vector_to_array
from pyspark.sql import functions as fn

from pipeline.train.kinds.clusters.prepared import SCALED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# A name that no column of a stream can have: theirs begin with a letter.
WEIGHT: Final = "_weight"


def distinct_points(scaled: DataFrame) -> DataFrame:
    """Return the distinct vectors of ``scaled``, in their order, each with the number of its rows."""
    by_value = scaled.groupBy(vector_to_array(fn.col(SCALED)).alias("values"))
    counted = by_value.agg(fn.first(SCALED).alias(SCALED), fn.count(fn.lit(1)).cast("double").alias(WEIGHT))
    return counted.coalesce(1).sortWithinPartitions("values").select(SCALED, WEIGHT)


def too_few(distinct: int, k: int) -> str:
    """Return the reason why rows with ``distinct`` points cannot become ``k`` clusters."""
    return f"{distinct} distinct points are fewer than the {k} clusters asked for"
