"""Reads a batch's ratings: checked, each pair of user and item once, told apart into what is fitted and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as fn
from pyspark.sql import types as st

from contract.batch import OFFSET, PARTITION, TIMESTAMP
from contract.errors import DataError
from contract.kinds.als import Als
from contract.stream import Stream
from pipeline.train.kinds.kind import Batch
from pipeline.train.read.parts import COORDINATE_TYPES, Parts, read_parts, spark_type
from pipeline.train.read.rows import check_rows

if TYPE_CHECKING:
    from pyspark.sql import Column

# Names that no column of a stream can have: theirs begin with a letter.
TRAINED: Final = "_trained"
BATCH: Final = "_batch"
FIRST: Final = "_first_batch"
_KEPT, _HERE = "_kept", "_here"

_HASH_RANGE: Final = 2**32

LARGEST: Final = 1_000_000
"""Of a rating, by size. Factors grow with its root, and λ has to weigh something beside their squares."""


@dataclass(frozen=True)
class Ratings:
    """The ratings of a version, each pair of user and item once; ``rows`` are cached and sorted by user and item.

    Columns: user and item (text) and rating (float32) under the stream's names, whether it is trained on, its batch,
    and the batch in which the pair was rated first. ``records`` were read; ``left_out`` of them have no user, no item
    or no rating that is a number.
    """

    rows: DataFrame
    model: Als
    records: int
    left_out: int
    newest: int
    """Number of the newest batch."""

    @property
    def trained(self) -> DataFrame:
        """The share that is fitted."""
        return self.rows.where(TRAINED)


@contextmanager
def read_ratings(batch: Batch, bucket: str, stream: Stream) -> Iterator[Ratings]:
    """Give the ratings of ``batch`` for the length of the block.

    Raises
    ------
    DataError: the newest batch has no ratings to learn from.
    ChainError: the parts hold other rows than the manifests say.
    """
    model = stream.section(Als)
    records = _records(batch, bucket, stream)
    counted = _counted(records, model, batch.number)
    check_rows(counted["records"], batch.manifests)
    _refuse_untrainable(counted, model, batch.number)
    rows = _once(records.where(_is_whole(model)), model).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield Ratings(rows, model, counted["records"], counted["records"] - counted["whole"], batch.number)
    finally:
        rows.unpersist()


def _records(batch: Batch, bucket: str, stream: Stream) -> DataFrame:
    """Return all records: user and item as text, rating as float32, coordinates and the batch."""
    model, spark, manifests = stream.section(Als), batch.spark, batch.manifests
    batches = {
        f"s3a://{bucket}/{part.key}": manifest.batch for manifest in manifests for part in manifest.objects if part.rows
    }
    if not batches:
        fields = [st.StructField(name, spark_type(stream.columns[name].type)) for name in model.columns]
        schema = st.StructType([*fields, *(st.StructField(name, kind) for name, kind in COORDINATE_TYPES.items())])
        return _typed(spark.createDataFrame([], schema), model).withColumn(BATCH, fn.lit(0))
    alike = read_parts(spark, Parts(bucket, manifests, batch.landed), stream, model.columns, [*COORDINATE_TYPES])
    with_path = reduce(
        DataFrame.union, (_typed(parts, model).withColumn(_HERE, fn.input_file_name()) for parts in alike)
    )
    numbers = spark.createDataFrame(pa.table({_HERE: [*batches], BATCH: pa.array([*batches.values()], pa.int32())}))
    # What is of no batch is missing then, and the number of records tells.
    return with_path.join(fn.broadcast(numbers), _HERE).drop(_HERE)


def _typed(parts: DataFrame, model: Als) -> DataFrame:
    return parts.select(
        *(fn.col(name).cast("string").alias(name) for name in (model.user, model.item)),
        fn.col(model.rating).cast("float").alias(model.rating),
        PARTITION,
        OFFSET,
        TIMESTAMP,
    )


def _is_number(model: Als) -> Column:
    # Of NaN it is false as well as of what is too large: Spark takes NaN for the largest number there is.
    return fn.abs(fn.col(model.rating)) <= fn.lit(LARGEST)


def _is_given(model: Als) -> Column:
    return fn.col(model.user).isNotNull() & fn.col(model.item).isNotNull() & fn.col(model.rating).isNotNull()


def _is_whole(model: Als) -> Column:
    return _is_given(model) & _is_number(model)


def _counted(records: DataFrame, model: Als, newest: int) -> dict[str, Any]:
    """Count all records, and look at those of the newest batch."""
    own, whole = fn.col(BATCH) == newest, _is_whole(model)
    odd = own & _is_given(model) & ~_is_number(model)
    seen = own & whole
    found = records.agg(
        fn.count(fn.lit(1)).alias("records"),
        fn.count_if(whole).alias("whole"),
        fn.count_if(own).alias("own"),
        fn.count_if(seen).alias("seen"),
        fn.count_if(odd).alias("odd"),
        fn.min(fn.when(odd, fn.struct(PARTITION, OFFSET, model.rating))).alias("first_odd"),
        fn.min(fn.when(seen, fn.col(model.item))).alias("first_item"),
        fn.max(fn.when(seen, fn.col(model.item))).alias("last_item"),
        fn.count_if(whole & (fn.col(model.rating) > 0)).alias("liked"),
    ).first()
    assert found is not None  # noqa: S101 - always one row
    return found.asDict()


def _refuse_untrainable(counted: dict[str, Any], model: Als, newest: int) -> None:
    """Judge the newest batch by itself: what an earlier one lacked was told of its own version."""
    if counted["odd"]:
        lane, offset, value = counted["first_odd"]
        raise DataError(
            f"{counted['odd']} of the {counted['own']} ratings of batch {newest} are no numbers up to {LARGEST:,}, "
            f"the first {value} in column {model.rating!r} of partition {lane}, offset {offset}; versions after it "
            f"leave them out"
        )
    if not counted["seen"]:
        raise DataError(
            f"batch {newest} has no rating: none of its {counted['own']} rows has a value in each of "
            f"{', '.join(map(repr, model.columns))}"
        )
    if counted["first_item"] == counted["last_item"]:
        raise DataError(
            f"the {counted['seen']} ratings of batch {newest} are of one item alone, {counted['first_item']!r}: there "
            f"is nothing to choose from"
        )
    if model.implicit and not counted["liked"]:
        raise DataError(f"no rating of column {model.rating!r} is above zero, so nobody is known to prefer anything")


def _once(whole: DataFrame, model: Als) -> DataFrame:
    """Return each pair once, as it was rated last: in the newest batch, there at the latest time of a record.

    Of one time the highest partition and offset count, so that there is one order.
    """
    order = fn.struct(BATCH, TIMESTAMP, PARTITION, OFFSET, model.rating)
    kept = whole.groupBy(model.user, model.item).agg(fn.max(order).alias(_KEPT), fn.min(BATCH).alias(FIRST))
    rows = kept.select(
        model.user,
        model.item,
        fn.col(_KEPT)[model.rating].alias(model.rating),
        is_trained(fn.col(_KEPT)[PARTITION], fn.col(_KEPT)[OFFSET], model.train_share).alias(TRAINED),
        fn.col(_KEPT)[BATCH].alias(BATCH),
        FIRST,
    )
    # One partition and one order, whatever the number of cores: sums come out the same bit by bit.
    return rows.coalesce(1).sortWithinPartitions(model.user, model.item)


def is_trained(partition: Column, offset: Column, share: float) -> Column:
    """Return whether the record there is in the share that is fitted, which anybody can find out.

    It is if the first eight hexadecimal digits of the SHA-256 of `<partition>-<offset>` are below share × 2³².
    """
    digest = fn.sha2(fn.concat_ws("-", partition, offset), 256)
    return fn.conv(fn.substring(digest, 1, 8), 16, 10).cast("long") < fn.lit(share * _HASH_RANGE)
