"""Parquet files of one version, sorted and read back: what a manifest says of them is what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as fn

from contract.errors import ChainError
from contract.model_version import ResultsFile
from pipeline.object_store import ObjectStore

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def write_sorted(
    rows: DataFrame,
    store: ObjectStore,
    folder: str,
    keys: Sequence[str],
    *,
    count: int,
    files: int,
    row_group_rows: int,
) -> tuple[ResultsFile, ...]:
    """Write ``count`` rows to ``folder`` as ``files`` files sorted by ``keys``; return these, in the same order.

    Raises
    ------
    ChainError: what is read back is not what was written.
    """
    placed = rows.coalesce(1) if files == 1 else rows.repartitionByRange(files, *keys)
    url = f"s3a://{store.bucket}/{folder}"
    # Over what an earlier attempt of the same run has left, which nothing names.
    written = placed.sortWithinPartitions(*keys).write.mode("overwrite")
    written.option("parquet.block.row.count.limit", row_group_rows).parquet(url)
    found = _read_back(rows.sparkSession, store, f"{folder}/", url, keys)
    if (rows_found := sum(file.rows for file in found)) != count:
        raise ChainError(f"results {folder} of {count} rows read back as {rows_found}")
    return found


def _read_back(
    spark: SparkSession, store: ObjectStore, prefix: str, url: str, keys: Sequence[str]
) -> tuple[ResultsFile, ...]:
    """Return the files under ``prefix`` in the order of their keys, each with its rows and its end keys."""
    ends = (
        spark.read.parquet(url)
        .groupBy(fn.element_at(fn.split(fn.input_file_name(), "/"), -1).alias("file"))
        .agg(
            fn.count(fn.lit(1)).alias("rows"),
            fn.min(fn.struct(*keys)).alias("first"),
            fn.max(fn.struct(*keys)).alias("last"),
        )
        .collect()
    )
    stored = {entry.key: entry for entry in store.list_objects(prefix) if entry.key.endswith(".parquet")}
    files = [
        ResultsFile(
            key=f"{prefix}{row['file']}",
            etag=stored[f"{prefix}{row['file']}"].etag,
            bytes=stored[f"{prefix}{row['file']}"].bytes,
            rows=row["rows"],
            first=tuple(row["first"]),
            last=tuple(row["last"]),
        )
        for row in ends
    ]
    return tuple(sorted(files, key=lambda file: file.first))
