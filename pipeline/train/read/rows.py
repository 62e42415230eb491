"""Reads a batch's parts over s3a into rows that are named, ordered and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from contract.batch import OFFSET, PARTITION, Manifest
from contract.errors import ChainError
from contract.features import CellType, Log, Number, columns_of, most_columns
from contract.model_version import ROW_ID
from contract.stream import Stream
from pipeline.landed_types import LandedColumns
from pipeline.train.read.aggregate import aggregate
from pipeline.train.read.layout import partition_of, partitions_for
from pipeline.train.read.parts import Parts, read_parts

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


@dataclass(frozen=True)
class FeatureRange:
    """Of one feature over a batch: rows with a value, and the smallest and largest of them."""

    present: int
    low: float | None
    high: float | None


def read_rows(
    spark: SparkSession,
    bucket: str,
    stream: Stream,
    manifests: Sequence[Manifest],
    landed: Mapping[str, LandedColumns] = MappingProxyType({}),
) -> DataFrame:
    """Return the rows of ``manifests``: row id, partition, offset, and what the model reads, null if missing.

    Ordered by partition and offset, in partitions that depend on the manifests alone. ``landed`` are the columns of
    their parts, as :attr:`Batch.landed` has them.
    """
    names = tuple(dict.fromkeys((*stream.id, *stream.inputs)))
    alike = read_parts(spark, Parts(bucket, manifests, landed), stream, names, (PARTITION, OFFSET))
    parts = reduce(DataFrame.union, alike)
    count = partitions_for(sum(manifest.rows for manifest in manifests), most_columns(stream.features))
    rows = parts.select(
        row_id(stream).alias(ROW_ID),
        fn.col(PARTITION),
        fn.col(OFFSET),
        *(_as_double(name) if kind == "double" else _as(kind, name) for name, kind in stream.inputs.items()),
    )
    placed = rows.repartitionById(count, partition_of(manifests, count))
    return placed.sortWithinPartitions(PARTITION, OFFSET)


def _as_double(name: str) -> Column:
    value = fn.col(name).cast("double")
    # Spark's Imputer takes NaN for missing as it does null; one of the two is enough from here on.
    return fn.when(~fn.isnan(value), value).alias(name)


def _as(kind: CellType, name: str) -> Column:
    return fn.col(name).cast("long").alias(name) if kind == "long" else fn.col(name)


def row_id(stream: Stream) -> Column:
    """Return the text that names a row: its id columns joined by `-`, or `partition-offset`."""
    if not stream.id:
        return fn.concat_ws("-", fn.col(PARTITION), fn.col(OFFSET))
    texts = [_as_text(fn.col(name), stream.columns[name].type) for name in stream.id]
    return fn.concat_ws("-", *(fn.coalesce(text, fn.lit("")) for text in texts))


def _as_text(column: Column, kind: str) -> Column:
    if kind != "timestamp":
        return column.cast("string")
    whole = fn.date_format(column, "yyyy-MM-dd'T'HH:mm:ss'Z'")
    fraction = fn.date_format(column, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
    return fn.when(fn.date_format(column, "SSSSSS") == "000000", whole).otherwise(fraction)


def measure(rows: DataFrame, stream: Stream) -> tuple[int, dict[str, FeatureRange]]:
    """Return the number of rows and the range of each column that is a number among the features."""
    numbers = columns_of(feature for feature in stream.features if isinstance(feature, Number | Log))
    found = aggregate(rows, [], [fn.count(fn.lit(1))], numbers, [fn.count, fn.min, fn.max])
    (count,), of_features = found[()]
    return count, {name: FeatureRange(*of_features.get(name, (0, None, None))) for name in numbers}


def check_rows(found: int, manifests: Sequence[Manifest]) -> None:
    """Check that the parts held as many rows as their manifests say.

    Raises
    ------
    ChainError: they did not.
    """
    said = sum(manifest.rows for manifest in manifests)
    if found != said:
        raise ChainError(
            f"batch {manifests[-1].batch} has {said} rows by its manifest, but {found} were read from its parts"
        )
