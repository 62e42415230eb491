"""A column may become what Spark reads from the parts that were landed before, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped] # as in the trainer
from pyspark.errors import PySparkException

from contract.features import NUMERIC_TYPES
from pipeline.columns import ARROW_TYPES
from pipeline.landed_types import WIDENED
from pipeline.train.read.parts import SPARK_TYPES
from pipeline.train.read.spark_session import SparkOnDemand

pytestmark = pytest.mark.long


def _read(spark: SparkOnDemand, path: Path, wanted: str) -> Any:
    try:
        row = spark.session().read.schema(f"x {SPARK_TYPES[wanted].simpleString()}").parquet(str(path)).first()
    except (PySparkException, Py4JJavaError) as error:
        return str(error)
    return row[0] if row else None


@pytest.mark.parametrize("landed", sorted(NUMERIC_TYPES))
def test_the_types_that_may_follow_are_the_ones_that_spark_reads(
    spark: SparkOnDemand, tmp_path: Path, landed: str
) -> None:
    pq.write_table(pa.table({"x": pa.array([7], ARROW_TYPES[landed])}), tmp_path / "a.parquet")
    readable = {wanted for wanted in SPARK_TYPES if _read(spark, tmp_path / "a.parquet", wanted) == 7}
    assert readable == {landed, *(wanted for old, wanted in WIDENED if old == landed)}
