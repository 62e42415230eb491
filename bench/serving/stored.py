"""Stored rows for a version that is measured, as training writes them."""

from __future__ import annotations

import io
import os
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.serving.model import FEATURES, rows, scoring
from contract.batch import OFFSET, PARTITION
from contract.model_version import (
    CLUSTER,
    DISTANCE,
    RESULTS_ROW_GROUP_ROWS,
    ROW_ID,
    ResultsFile,
    ResultsManifest,
    results_manifest_key,
    results_prefix,
    results_to_json,
)
from scoring.kmeans import Assigner


def store(model: str, run_id: str, count: int) -> str:
    """Write ``count`` rows of the version that ``run_id`` made, and return the key of their manifest."""
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
    bucket, prefix, by_id = os.environ["SWATHE_BUCKET"], results_prefix(model, run_id), [ROW_ID, PARTITION, OFFSET]
    table = _table(count)
    files: list[tuple[ResultsFile, ...]] = []
    for name, keys in (("by-id", by_id), ("by-cluster", [CLUSTER, *by_id])):
        part = table.sort_by([(key, "ascending") for key in keys])
        buffer = io.BytesIO()
        pq.write_table(part, buffer, row_group_size=RESULTS_ROW_GROUP_ROWS)
        key = f"{prefix}{name}/part-00000.parquet"
        etag = client.put_object(Bucket=bucket, Key=key, Body=buffer.getvalue())["ETag"].strip('"')
        first, last = (tuple(part.column(name)[i].as_py() for name in keys) for i in (0, count - 1))
        files.append((ResultsFile(key, etag, len(buffer.getvalue()), count, first, last),))
    manifest = ResultsManifest(model, run_id, count, FEATURES, files[0], files[1])
    client.put_object(Bucket=bucket, Key=results_manifest_key(model, run_id), Body=results_to_json(manifest))
    return results_manifest_key(model, run_id)


def _table(count: int) -> Any:
    values = rows(count)
    clusters, distances = Assigner(scoring()).assign(values)
    columns = {
        ROW_ID: pa.array([f"row-{i:07d}" for i in range(count)]),
        PARTITION: pa.array(np.zeros(count), pa.int32()),
        OFFSET: pa.array(np.arange(count), pa.int64()),
        CLUSTER: pa.array(clusters, pa.int32()),
        DISTANCE: pa.array(distances),
    }
    return pa.table(columns | {name: pa.array(values[:, j]) for j, name in enumerate(FEATURES)})
