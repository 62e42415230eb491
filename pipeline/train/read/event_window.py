"""When the rows of a batch happened, where the stream says which column tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as fn
from pyspark.sql import types as st

from contract.batch import Manifest
from contract.stream import Stream

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def event_window_ms(
    spark: SparkSession, bucket: str, stream: Stream, manifests: Sequence[Manifest]
) -> tuple[int, int] | None:
    """Return the earliest and the latest event time of the rows, in ms since the epoch, UTC.

    None: the stream names no event-time column, or no row has a value in it.
    """
    if stream.event_time is None:
        return None
    paths = [f"s3a://{bucket}/{part.key}" for manifest in manifests for part in manifest.objects if part.rows]
    column = st.StructType([st.StructField(stream.event_time, st.TimestampType())])
    times = fn.unix_millis(fn.col(stream.event_time))
    found = (
        spark.read.schema(column).parquet(*paths).agg(fn.min(times).alias("low"), fn.max(times).alias("high")).first()
    )
    if found is None or found["low"] is None:
        return None
    return int(found["low"]), int(found["high"])
