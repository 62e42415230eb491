"""Writes every row of a version with its cluster, sorted two ways; the manifest, written last, makes them visible."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as fn

from contract.batch import OFFSET, PARTITION
from contract.errors import ChainError
from contract.model_version import (
    CLUSTER,
    RESULTS_ROW_GROUP_ROWS,
    ROW_ID,
    ResultsFile,
    ResultsManifest,
    results_manifest_key,
    results_prefix,
    results_to_json,
)
from pipeline.object_store import ObjectStore
from pipeline.train.read.layout import partitions_for

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

logger = logging.getLogger(__name__)

BY_ID: Final = "by-id"
BY_CLUSTER: Final = "by-cluster"
_SORT_KEYS: Final = {
    BY_ID: (ROW_ID, PARTITION, OFFSET),
    BY_CLUSTER: (CLUSTER, ROW_ID, PARTITION, OFFSET),
}


def write_results(
    assigned: DataFrame, store: ObjectStore, *, model: str, run_id: str, features: tuple[str, ...], rows: int
) -> str:
    """Write the results of one version and return the key of their manifest.

    ``assigned`` has the columns that :class:`ResultsManifest` lists, and ``rows`` rows.

    Raises
    ------
    ChainError: what is read back is not what was written.
    """
    prefix = results_prefix(model, run_id)
    count = partitions_for(rows, len(features))
    with ThreadPoolExecutor(len(_SORT_KEYS)) as pool:
        sets = dict(
            zip(
                _SORT_KEYS, pool.map(lambda name: _write(assigned, store, prefix, name, count), _SORT_KEYS), strict=True
            )
        )
    for name, files in sets.items():
        found = sum(file.rows for file in files)
        if found != rows:
            raise ChainError(f"results {prefix}{name} of {rows} rows read back as {found}")
    manifest = ResultsManifest(model, run_id, rows, features, sets[BY_ID], sets[BY_CLUSTER])
    key = results_manifest_key(model, run_id)
    store.put(key, results_to_json(manifest))
    return key


def _write(assigned: DataFrame, store: ObjectStore, prefix: str, name: str, count: int) -> tuple[ResultsFile, ...]:
    keys = _SORT_KEYS[name]
    placed = assigned.coalesce(1) if count == 1 else assigned.repartitionByRange(count, *keys)
    url = f"s3a://{store.bucket}/{prefix}{name}"
    # Over what an earlier attempt of the same run has left, which nothing names.
    written = placed.sortWithinPartitions(*keys).write.mode("overwrite")
    written.option("parquet.block.row.count.limit", RESULTS_ROW_GROUP_ROWS).parquet(url)
    return _read_back(assigned.sparkSession, store, f"{prefix}{name}/", url, keys)


def _read_back(
    spark: SparkSession, store: ObjectStore, prefix: str, url: str, keys: tuple[str, ...]
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
