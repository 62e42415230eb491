"""Parquet files of one version, sorted and read back: what a manifest says of them is what is there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import functions as fn

from contract.errors import ChainError
from contract.model_version import RESULTS_GROUP_TEXT_BYTES, ResultsFile
from pipeline.object_store import ObjectStore

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

logger = logging.getLogger(__name__)


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

    Row groups have ``row_group_rows`` rows at most, and fewer where their texts would be too large to be read.

    Raises
    ------
    ChainError: what is read back is not what was written.
    """
    placed = rows.coalesce(1) if files == 1 else rows.repartitionByRange(files, *keys)
    url = f"s3a://{store.bucket}/{folder}"
    sorted_rows, spark = placed.sortWithinPartitions(*keys), rows.sparkSession
    _write(sorted_rows, url, row_group_rows)
    # With the schema that was written: Spark would look for it in a job of its own.
    stored = spark.read.schema(rows.schema).parquet(url)
    ends = _ends(stored, keys)
    # The longest row nearly always tells that any rows have room; else the longest ones are added up.
    if max((row["text_bytes"] for row in ends), default=0) * row_group_rows > RESULTS_GROUP_TEXT_BYTES:
        fitting = _rows_that_fit(stored, row_group_rows)
        if fitting < row_group_rows:
            logger.info("texts are long folder=%s row_group_rows=%d", folder, fitting)
            _write(sorted_rows, url, fitting)
            # Its files are others now.
            ends = _ends(spark.read.schema(rows.schema).parquet(url), keys)
    found = _stored(ends, store, f"{folder}/")
    if (rows_found := sum(file.rows for file in found)) != count:
        raise ChainError(f"results {folder} of {count} rows read back as {rows_found}")
    return found


def write_sorted_here(
    rows: pa.Table, store: ObjectStore, folder: str, keys: Sequence[str], *, row_group_rows: int
) -> tuple[ResultsFile, ...]:
    """Write ``rows``, of which there is one at least, as :func:`write_sorted` does, as one file, from this process."""
    placed = rows.sort_by([(key, "ascending") for key in keys])
    longest = np.sort(_text_bytes_here(rows))[::-1][:row_group_rows]
    body = pa.BufferOutputStream()
    pq.write_table(placed, body, row_group_size=_fitting(longest, row_group_rows))
    content = body.getvalue().to_pybytes()
    # One name: what an earlier attempt of the same run has left is replaced.
    key = f"{folder}/rows.parquet"
    etag = store.put(key, content)
    first, last = (tuple(placed[name][at].as_py() for name in keys) for at in (0, len(placed) - 1))
    return (ResultsFile(key=key, etag=etag, bytes=len(content), rows=len(placed), first=first, last=last),)


def _text_bytes_here(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Return the bytes [n] of all texts of each row, as UTF-8."""
    total: npt.NDArray[np.int64] = np.zeros(len(rows), dtype=np.int64)
    for name, kind in zip(rows.schema.names, rows.schema.types, strict=True):
        if pa.types.is_string(kind):
            total += pc.fill_null(pc.binary_length(rows[name]), 0).to_numpy()
    return total


def _write(rows: DataFrame, url: str, row_group_rows: int) -> None:
    # Over what an earlier attempt of the same run has left, which nothing names.
    written = rows.write.mode("overwrite")
    written.option("parquet.block.row.count.limit", row_group_rows).parquet(url)


def _text_bytes(rows: DataFrame) -> Column:
    """Bytes of all texts of a row, as UTF-8."""
    texts = [name for name, kind in rows.dtypes if kind == "string"]
    return reduce(
        lambda total, name: total + fn.coalesce(fn.octet_length(name), fn.lit(0)), texts, fn.lit(0).cast("long")
    )


def _rows_that_fit(rows: DataFrame, most: int) -> int:
    """Return how many rows, ``most`` at most, any row group may have: as many of the longest as fit into one."""
    longest = rows.select(_text_bytes(rows).alias("bytes")).orderBy(fn.desc("bytes")).limit(most).toArrow()
    return _fitting(longest["bytes"].to_numpy(), most)


def _fitting(longest: npt.NDArray[np.int64], most: int) -> int:
    """Return how many of the ``longest`` texts, in bytes, fit into a row group together; ``most`` where all do."""
    together = np.cumsum(longest)
    fitting = int(np.searchsorted(together, RESULTS_GROUP_TEXT_BYTES, side="right"))
    return most if fitting == len(together) else max(1, fitting)


def _ends(rows: DataFrame, keys: Sequence[str]) -> list[Row]:
    """Return of each file its rows, its end keys, and the bytes of text in the row that has most."""
    return (
        rows.groupBy(fn.element_at(fn.split(fn.input_file_name(), "/"), -1).alias("file"))
        .agg(
            fn.count(fn.lit(1)).alias("rows"),
            fn.min(fn.struct(*keys)).alias("first"),
            fn.max(fn.struct(*keys)).alias("last"),
            fn.max(_text_bytes(rows)).alias("text_bytes"),
        )
        .collect()
    )


def _stored(ends: Sequence[Row], store: ObjectStore, prefix: str) -> tuple[ResultsFile, ...]:
    """Return the files under ``prefix`` in the order of their keys, each with its rows and its end keys."""
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
