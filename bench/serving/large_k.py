"""`python -m bench.serving.large_k`: a version of 1,000 clusters and 20 features, picked up and asked."""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import numpy as np
from mlflow.tracking import MlflowClient

from bench import record
from bench.serving.contenders import Server, files, ours, register
from bench.serving.load import Load, cpu_s
from scoring.kmeans import Floats, Scoring

CLUSTERS, FEATURES = 1_000, 20
CASES = ((1, 4), (1_000, 4), (10_000, 2))
SETTLED_S = 3.0
READY_S = 60.0
NAMES = tuple(f"f{number}" for number in range(FEATURES))


def main() -> None:
    """Register the version while the server runs; tell what its processes spend until it answers, and for a request."""
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    model = f"bench-{uuid.uuid4().hex[:8]}"
    bodies = files(_scoring(), _rows(50))
    client.create_registered_model(model)
    try:
        with tempfile.TemporaryDirectory() as folder, ours(model, Path(folder)) as server:
            time.sleep(SETTLED_S)
            before = cpu_s(server.process)
            register(client, client.create_experiment(model), model, 1, bodies)
            seconds = _until_it_answers(server)
            record.fact("k = 1,000: registered to its route", seconds=seconds)
            record.figure("serving.large_k.pickup_cpu_s", cpu_s(server.process) - before)
            for count, connections in CASES:
                found = Load(server.url + server.path, _body(count), connections, 4, server.process).result()
                found.tell(f"k = 1,000: {count:,} rows, {connections} connections")
    finally:
        client.delete_registered_model(model)


def _until_it_answers(server: Server) -> float:
    began, headers = time.monotonic(), {"content-type": "application/json"}
    while httpx.post(server.url + server.path, content=_body(1), headers=headers, timeout=60).status_code != 200:
        if time.monotonic() - began > READY_S:
            raise SystemExit(f"the version does not answer within {READY_S:g} s")
        time.sleep(0.05)
    return time.monotonic() - began


def _scoring() -> Scoring:
    centers = np.random.default_rng(1).normal(size=(CLUSTERS, FEATURES)).tolist()
    zeros, ones = (0.0,) * FEATURES, (1.0,) * FEATURES
    return Scoring(NAMES, zeros, zeros, ones, tuple(map(tuple, centers)), tuple(f"C{i + 1}" for i in range(CLUSTERS)))


def _rows(count: int) -> Floats:
    drawn: Floats = np.random.default_rng(2).normal(size=(count, FEATURES)).round(3)
    return drawn


def _body(count: int) -> bytes:
    records = [dict(zip(NAMES, row, strict=True)) for row in _rows(count).tolist()]
    return json.dumps({"dataframe_records": records}).encode()


if __name__ == "__main__":
    main()
