"""Starts the servers that are compared, and registers the versions that ours serves."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from mlflow.tracking import MlflowClient

from bench.serving import typed_rows
from bench.serving.model import rows, scoring
from bench.serving.stored import store
from contract.model_version import (
    GOLDEN_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    TAG_BATCH,
    TAG_RESULTS,
    TAG_ROWS,
    TAG_STATE,
    ClusterStatistics,
    FeatureStatistics,
    statistics_to_json,
)
from scoring.golden import Golden
from scoring.kmeans import Assigner, Floats, Scoring

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0
STORED_ROWS = 100_000


@dataclass(frozen=True)
class Server:
    """A server that answers; ``path`` is its route, ``start_s`` how long it took from its start until then."""

    url: str
    process: psutil.Process
    path: str
    start_s: float


@contextlib.contextmanager
def registered(count: int) -> Iterator[str]:
    """Give the name of a model of ``count`` versions at the running services, which is taken away again.

    One more version has typed rows.
    """
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    model = f"bench-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(model)
    try:
        experiment = client.create_experiment(model)
        bodies = files(scoring(), rows(50))
        for number in range(1, count + 1):
            register(client, experiment, model, number, bodies)
        register(client, experiment, model, count + 1, typed_rows.files())
        yield model
    finally:
        client.delete_registered_model(model)


def files(numbers: Scoring, sample: Floats) -> dict[str, bytes]:
    """Return the files of an artifact whose golden rows are ``sample``, [n, features]."""
    clusters, distances = Assigner(numbers).assign(sample)
    features = dict.fromkeys(numbers.features, FeatureStatistics(0.0, 1.0, -1.0, 1.0, 0))
    statistics = [
        ClusterStatistics(i, label, 10, 1 / len(numbers.labels), numbers.centers[i], features)
        for i, label in enumerate(numbers.labels)
    ]
    return {
        SCORING_FILE: numbers.to_json(),
        STATISTICS_FILE: statistics_to_json(statistics),
        GOLDEN_FILE: Golden(numbers.features, sample, clusters, distances).to_json(),
    }


def register(client: MlflowClient, experiment: str, model: str, number: int, bodies: dict[str, bytes]) -> None:
    """Register version ``number`` of an artifact of ``bodies``; the first has stored rows."""
    with tempfile.TemporaryDirectory() as folder:
        for name, body in bodies.items():
            (Path(folder) / name).parent.mkdir(exist_ok=True)
            (Path(folder) / name).write_bytes(body)
        run = client.create_run(experiment).info.run_id
        logged = client.create_logged_model(experiment, f"{model}-{number}", run).model_id
        client.log_model_artifacts(logged, folder)
    tags = {TAG_BATCH: str(number), TAG_ROWS: str(STORED_ROWS), TAG_STATE: "ready"}
    if number == 1:
        tags[TAG_RESULTS] = store(model, run, STORED_ROWS)
    client.create_model_version(model, f"models:/{logged}", run, tags=tags, model_id=logged)


@contextlib.contextmanager
def ours(model: str, cache: Path, version: int = 1, *, root: Path = ROOT) -> Iterator[Server]:
    """Run the prediction server of the checkout at ``root``, as it is installed there."""
    port = free_port()
    settings = {
        "SWATHE_SERVING_PORT": str(port),
        "SWATHE_SERVING_CACHE": str(cache),
        "SWATHE_SERVING_MODELS": model,
        "SWATHE_SERVING_HOST": "127.0.0.1",
    }
    path = f"/api/{model}/v{version}/predict"
    with running(["-m", "serving"], port, path, "/health/ready", settings, root=root) as server:
        yield server


@contextlib.contextmanager
def baseline(name: str, chain: dict[str, Any]) -> Iterator[Server]:
    """Run a baseline that gives the same answers as our version with this ``chain``."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"scoring": json.loads(scoring().to_json()), "chain": chain}, file)
        file.flush()
        arguments = ["-m", f"bench.serving.{name}", file.name, str(port)]
        with running(arguments, port, "/predict", "/openapi.json", {}) as server:
            yield server


@contextlib.contextmanager
def running(
    arguments: list[str],
    port: int,
    path: str,
    probe: str,
    settings: dict[str, str],
    *,
    root: Path = ROOT,
    python: Path | None = None,
) -> Iterator[Server]:
    """Run Python with ``arguments`` until ``probe`` answers at ``port``: the checkout's own, or ``python``."""
    url = f"http://127.0.0.1:{port}"
    began = time.monotonic()
    own = sys.executable if root == ROOT else str(root / ".venv" / "bin" / "python")
    started = subprocess.Popen(
        [python or own, *arguments], cwd=root, env=os.environ | settings, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(url + probe):
            if started.poll() is not None or time.monotonic() - began > READY_S:
                raise SystemExit(f"python {' '.join(arguments)} does not answer; run it by hand to see why")
            time.sleep(0.02)
        yield Server(url, psutil.Process(started.pid), path, time.monotonic() - began)
    finally:
        _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    """End a server as its users do, and what it leaves behind: LitServe as it is shipped leaves its workers."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(started.pid).children(recursive=True)
    started.terminate()
    started.wait(timeout=30)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
