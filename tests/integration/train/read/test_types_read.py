"""What lands as a decimal or a date is a feature, or names a row, with all its digits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import types as st

from contract.stream import parse_stream
from pipeline.columns import stream_schema
from pipeline.train.read.parts import spark_type
from pipeline.train.read.rows import _as_double, row_id
from pipeline.train.read.spark_session import SparkOnDemand

STREAM = parse_stream(
    "name: s\ntopic: s\ncolumns: {d: 'decimal(38,4)', day: date, n: int64}\ncut: {rows: 1}\n"
    "id: [day, d, n]\nfeatures: [d]\nmodel: {k: 2}\n",
    "s.yaml",
)


def test_decimals_and_dates(spark: SparkOnDemand, tmp_path: Path) -> None:
    exact = Decimal("1234567890123456789012345678901234.5000")
    rows = [{"d": exact, "day": date(2024, 2, 29), "n": 2**63 - 1}, {"d": Decimal("-0.2500"), "day": None, "n": 1}]
    pq.write_table(pa.Table.from_pylist(rows, stream_schema(STREAM)), tmp_path / "a.parquet")
    schema = st.StructType([st.StructField(name, spark_type(column.type)) for name, column in STREAM.columns.items()])
    read = spark.session().read.schema(schema).parquet(str(tmp_path / "a.parquet"))
    found = {tuple(row) for row in read.select(row_id(STREAM), _as_double("d")).collect()}
    assert found == {(f"2024-02-29-{exact}-{2**63 - 1}", float(exact)), ("--0.2500-1", -0.25)}
