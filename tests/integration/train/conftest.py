"""Series of a test's own: small batches landed, trained by the real command, read back from the real registry."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import SecretStr

from contract.batch import Manifest, manifest_key
from contract.model_version import LAUNCHES_EXPERIMENT, SCORING_FILE, ResultsManifest, results_from_json
from contract.stream import Stream, parse_stream
from contract.version_facts import FACTS_FILE, VersionFacts, facts_from_json
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.settings import SparkSettings, TrackingSettings
from tests.integration.train.landed import land

ROOT = Path(__file__).resolve().parents[3]
COMMAND_S = 240.0

# `distance` is a feature on purpose: results have a distance of their own.
STREAM = """
name: {name}
topic: {name}
event_time: seen
columns:
  code: {{type: string, required: true}}
  seen: {{type: timestamp}}
  weight: {{type: float64}}
  count: {{type: int32}}
  distance: {{type: float32}}
id: [code, seen]
cut: {{rows: 400}}
features: [weight, count, distance]
model: {model}
"""


def batch(rows: int, seed: int) -> pa.Table:
    """Return ``rows`` rows around three centres, one value in twenty missing."""
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 10, 5], [8.0, 90, -5], [-9.0, 50, 40]])[rng.integers(0, 3, rows)]
    values = centers + rng.normal(size=(rows, 3))
    missing = rng.random((rows, 3)) < 0.05
    columns = [pa.array(values[:, j], mask=missing[:, j]) for j in range(3)]
    # Some rows share an id, and some of those times have a fraction.
    names = [f"r{n // 2:05d}" if n % 10 == 0 else f"r{n:05d}" for n in range(rows)]
    times = [1_356_998_400_000_000 + n * 500_000 for n in range(rows)]
    return pa.table(
        {
            "code": names,
            "seen": pa.array(times, pa.timestamp("us", tz="UTC")),
            "weight": columns[0],
            "count": pa.array(np.rint(values[:, 1]).astype(np.int32), mask=missing[:, 1]),
            "distance": columns[2].cast(pa.float32()),
        }
    )


@dataclass
class Lab:
    """One stream with batches of its own, and the commands that train it."""

    services: Mapping[str, str]
    directory: Path
    k: str = "{k: 3, seed: 7}"
    name: str = field(default_factory=lambda: f"t-{uuid.uuid4().hex[:12]}")

    @property
    def file(self) -> Path:
        """The stream file."""
        path = self.directory / f"{self.name}.yaml"
        path.write_text(STREAM.format(name=self.name, model=self.k))
        return path

    @property
    def stream(self) -> Stream:
        """The stream."""
        return parse_stream(self.file.read_text(), str(self.file))

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        return {**os.environ, **self.services}

    @property
    def store_settings(self) -> StoreSettings:
        """The bucket of batches."""
        return StoreSettings(
            endpoint_url=self.services["AWS_ENDPOINT_URL_S3"],
            access_key=SecretStr(self.services["AWS_ACCESS_KEY_ID"]),
            secret_key=SecretStr(self.services["AWS_SECRET_ACCESS_KEY"]),
            bucket=self.services.get("SWATHE_BUCKET", "batches"),
        )

    @property
    def store(self) -> ObjectStore:
        """The bucket of batches."""
        return ObjectStore(self.store_settings)

    @property
    def tracking(self) -> TrackingSettings:
        """The tracking server."""
        known = {"username": "MLFLOW_TRACKING_USERNAME", "password": "MLFLOW_TRACKING_PASSWORD"}
        login = {field: self.services[name] for field, name in known.items() if name in self.services}
        return TrackingSettings.model_validate({"uri": self.services["MLFLOW_TRACKING_URI"], **login})

    def land(self, *batches: pa.Table, parts: int = 2, lanes: int = 2) -> list[Manifest]:
        """Land all ``batches``."""
        return land(self.store, self.stream, batches, parts=parts, lanes=lanes)

    def withhold(self, number: int) -> Callable[[], None]:
        """Take the manifest of batch ``number`` away; return what seals the batch again."""
        key = manifest_key(self.name, number)
        found = self.store.get(key)
        assert found is not None, key
        self.store.delete(key)

        def seal() -> None:
            assert self.store.put_if_absent(key, found[0]) is not None, key

        return seal

    @property
    def typed_environ(self) -> dict[str, str]:
        """The environment of a command that is typed: this one's Python comes first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**self.environ, "PATH": path, "MLFLOW_EXPERIMENT_NAME": LAUNCHES_EXPERIMENT}

    def pipeline(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Run `python -m pipeline`; return its exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=ROOT,
            env={**self.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        return done.returncode, done.stdout

    def start(self, *arguments: str, command: str = "train", **more: str) -> subprocess.Popen[str]:
        """Start `python -m pipeline train` on this stream."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", command, "--stream", str(self.file), *arguments],
            cwd=ROOT,
            env={**self.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def train(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Run `python -m pipeline train` on this stream; return its exit code and what it said."""
        process = self.start(*arguments, **more)
        try:
            said, _ = process.communicate(timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, said

    @contextmanager
    def registry(self, model: str | None = None) -> Iterator[Registry]:
        """The registered model."""
        opened = Registry(self.tracking, model or self.name)
        try:
            yield opened
        finally:
            opened.close()

    def versions(self, model: str | None = None) -> dict[int, RegisteredVersion]:
        """Return the versions by number."""
        with self.registry(model) as registry:
            return registry.versions()

    def states(self, model: str | None = None) -> list[tuple[int, str]]:
        """Return each version's number and state."""
        return [(number, version.tags.get("state", "")) for number, version in self.versions(model).items()]

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """Ask the tracking server."""
        answer = httpx.get(f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{path}", params=params)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def delete_version(self, number: int) -> None:
        """Delete a version, as somebody who edits the registry does."""
        uri = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/model-versions/delete"
        httpx.request("DELETE", uri, json={"name": self.name, "version": str(number)}).raise_for_status()

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs of the stream's experiment, oldest first."""
        experiment = self.get("experiments/get-by-name", experiment_name=self.name)["experiment"]["experiment_id"]
        body = {"experiment_ids": [experiment], "max_results": 100}
        uri = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/runs/search"
        found = httpx.post(uri, json=body).json().get("runs", [])
        return sorted(found, key=lambda run: int(run["info"]["start_time"]))

    def started_runs(self) -> list[dict[str, Any]]:
        """Return the runs, none where the experiment is not there yet."""
        uri = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/experiments/get-by-name"
        found = httpx.get(uri, params={"experiment_name": self.name})
        return self.runs() if found.is_success else []

    def metric_history(self, run: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """Return all points of a run's metric."""
        return list(self.get("metrics/get-history", run_id=run["info"]["run_id"], metric_key=name)["metrics"])

    def doctor(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Run `python -m pipeline doctor` on this stream; return its exit code and what it said."""
        process = self.start(*arguments, command="doctor", **more)
        said, _ = process.communicate(timeout=COMMAND_S)
        return process.returncode, said

    def launcher_runs(self) -> list[dict[str, Any]]:
        """Return the launcher runs of this stream, newest first."""
        experiment = self.get("experiments/get-by-name", experiment_name=LAUNCHES_EXPERIMENT)["experiment"]
        body = {"experiment_ids": [experiment["experiment_id"]], "max_results": 200}
        uri = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/runs/search"
        runs = httpx.post(uri, json=body).json().get("runs", [])
        return [run for run in runs if any(p["value"] == str(self.file) for p in run["data"].get("params", []))]

    def results(self, number: int, model: str | None = None) -> tuple[ResultsManifest, pa.Table, pa.Table]:
        """Return a version's results: their manifest, the rows by id and the rows by cluster."""
        key = self.versions(model)[number].tags["results"]
        body = self.store.get(key)
        assert body is not None
        manifest = results_from_json(body[0], key)
        tables = [
            pa.concat_tables([self.parquet(file.key) for file in files])
            for files in (manifest.by_id, manifest.by_cluster)
        ]
        return manifest, tables[0], tables[1]

    def parquet(self, key: str) -> pa.Table:
        """Read an object as Parquet."""
        body = self.store.get(key)
        assert body is not None, key
        return pq.read_table(io.BytesIO(body[0]))

    def row_groups(self, key: str) -> list[int]:
        """Return the rows of each row group of a Parquet object."""
        body = self.store.get(key)
        assert body is not None, key
        metadata = pq.ParquetFile(io.BytesIO(body[0])).metadata
        return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    def artifact(self, number: int, name: str = SCORING_FILE, model: str | None = None) -> bytes:
        """Return a file of a version's artifact, as serving reads it: over the tracking server's proxy."""
        version = self.versions(model)[number]
        logged = self.get(f"logged-models/{version.source.removeprefix('models:/')}")["model"]["info"]
        path = logged["artifact_uri"].removeprefix("mlflow-artifacts:/")
        uri = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow-artifacts/artifacts/{path}/{name}"
        answer = httpx.get(uri)
        answer.raise_for_status()
        return answer.content

    def facts(self, number: int, model: str | None = None) -> VersionFacts:
        """Return what a version says of its batch."""
        return facts_from_json(self.artifact(number, FACTS_FILE, model), f"version {number}")

    def run_artifact(self, run_id: str, name: str) -> bytes:
        """Return a run's own artifact."""
        uri = self.get("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        base = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow-artifacts/artifacts"
        return httpx.get(f"{base}/{uri}/{name}").raise_for_status().content

    def pictures(self, run_id: str) -> dict[tuple[str, int], Image.Image]:
        """Return a run's images by key and step."""
        uri = f"{self.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/artifacts/list"
        listed = httpx.get(uri, params={"run_id": run_id, "path": "images"}).json()["files"]
        found: dict[tuple[str, int], Image.Image] = {}
        for name in (file["path"].removeprefix("images/") for file in listed if file["path"].endswith(".png")):
            key, _, step, *_ = name.split("+")
            found[key.replace("~", "/"), int(step)] = Image.open(
                io.BytesIO(self.run_artifact(run_id, f"images/{name}"))
            )
        return found

    def description(self, number: int) -> str:
        """Return the text of a version."""
        found = self.get("model-versions/get", name=self.name, version=number)["model_version"]["description"]
        return str(found)


@pytest.fixture
def lab(services: dict[str, str], tmp_path: Path) -> Lab:
    return Lab(services, tmp_path)


@pytest.fixture(scope="session")
def make_lab(services: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Lab]:
    """Make a stream that several tests look at."""
    return lambda **more: Lab(services, tmp_path_factory.mktemp("lab"), **more)


@pytest.fixture(scope="session")
def spark(services: dict[str, str], make_lab: Callable[..., Lab]) -> Iterator[SparkOnDemand]:
    """Spark in this process, as the trainer starts it."""
    settings = SparkSettings(jars=services["SWATHE_SPARK_JARS"], memory="1g")
    opened = SparkOnDemand(settings, make_lab().store_settings)
    yield opened
    opened.close()
