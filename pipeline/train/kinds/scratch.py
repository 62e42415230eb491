"""A place where all of Spark's processes can write, for the length of a block."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.train.kinds.kind import Batch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def scratch_directory(batch: Batch) -> Iterator[str]:
    """Give a path that all of Spark's processes can write and that is not there yet; remove it after the block."""
    with TemporaryDirectory(prefix="swathe-spark-scratch-") as local:
        path = f"{batch.scratch(local)}/{uuid.uuid4().hex}"
        yield path
        # Where the block failed, Spark may be gone, and what is left is scratch.
        _remove(batch.spark, path)


def _remove(spark: SparkSession, path: str) -> None:
    gateway = spark.sparkContext._gateway
    assert gateway is not None  # noqa: S101 - there is a session
    there = gateway.jvm.org.apache.hadoop.fs.Path(path)
    there.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).delete(there, True)
