"""Reads parts over s3a, each by the columns that it was landed with, as the columns that the stream file says now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as fn
from pyspark.sql import types as st

from contract.batch import OFFSET, PARTITION, TIMESTAMP, Manifest
from contract.column_types import decimal_digits
from contract.stream import Stream
from pipeline.landed_types import LandedColumns, landed_alike

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SPARK_TYPES: Final[dict[str, st.DataType]] = {
    "int32": st.IntegerType(),
    "int64": st.LongType(),
    "float32": st.FloatType(),
    "float64": st.DoubleType(),
    "bool": st.BooleanType(),
    "string": st.StringType(),
    "timestamp": st.TimestampType(),
    "date": st.DateType(),
}


COORDINATE_TYPES: Final[dict[str, st.DataType]] = {
    PARTITION: st.IntegerType(),
    OFFSET: st.LongType(),
    TIMESTAMP: st.TimestampType(),
}


@dataclass(frozen=True)
class Parts:
    """The parts of ``manifests`` in ``bucket``, and the columns that each was landed with.

    Of one that ``landed`` does not hold, those of the stream file are read.
    """

    bucket: str
    manifests: Sequence[Manifest]
    landed: Mapping[str, LandedColumns]

    @property
    def keys(self) -> list[str]:
        """Keys of the objects that have rows."""
        return [held.key for manifest in self.manifests for held in manifest.objects if held.rows]


def read_parts(
    spark: SparkSession, parts: Parts, stream: Stream, names: Sequence[str], coordinates: Sequence[str]
) -> Iterator[DataFrame]:
    """Yield the rows of ``parts``, those that were landed alike together: columns ``names``, then ``coordinates``.

    A column that a part does not have is null.
    """
    now = {name: stream.columns[name].type for name in names}
    beside = [st.StructField(name, COORDINATE_TYPES[name]) for name in coordinates]
    for found, keys in landed_alike(parts.keys, parts.landed, now).items():
        own = dict(found)
        schema = st.StructType([*(st.StructField(name, spark_type(kind)) for name, kind in found), *beside])
        rows = spark.read.schema(schema).parquet(*(f"s3a://{parts.bucket}/{key}" for key in keys))
        # Of a stream that never changed this is what the parts have, and Spark plans nothing for it.
        yield rows.select(*(_as_now(name, own.get(name), kind) for name, kind in now.items()), *coordinates)


def _as_now(name: str, landed: str | None, kind: str) -> Column:
    if landed == kind:
        return fn.col(name)
    value = fn.lit(None) if landed is None else fn.col(name)
    return value.cast(spark_type(kind)).alias(name)


def spark_type(kind: str) -> st.DataType:
    """Return a column type as Spark reads it from parts."""
    digits = decimal_digits(kind)
    return SPARK_TYPES[kind] if digits is None else st.DecimalType(*digits)
