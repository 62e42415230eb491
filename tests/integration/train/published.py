"""Series that were published by the project's own code, without Spark: versions that can be served, and failed ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from mlflow.tracking import MlflowClient

from contract.model_version import (
    TAG_BATCH,
    TAG_REASON,
    TAG_REFERENCE,
    TAG_ROWS,
    TAG_SCHEME,
    TAG_STREAM,
    TAG_TRAIN_KEY,
)
from contract.remedies import SeriesCommands
from pipeline.train.artifact import digests
from pipeline.train.lease import Lease
from pipeline.train.ledger import Artifact, Ledger
from pipeline.train.publish import RECORD_FILE, Publisher, VersionRecord
from pipeline.train.registry import RegisteredModel, RegisteredVersion
from pipeline.train.runs import TAG_ERROR, Runs
from pipeline.train.series import Series
from pipeline.train.upload import ArtifactStore
from scoring.kmeans import Scoring
from tests.integration.serving.registered import artifact_files, rows_of, scoring_of
from tests.integration.train.conftest import COMMAND_S, Lab

METRICS = {"silhouette": 0.9, "min_cluster_share": 0.2, "ref/silhouette": 0.9, "ref/wssse_per_row": 1.0}


@dataclass
class Published:
    """A series of ``lab``'s stream in the model of its name; its own people are the ones who edit the registry."""

    lab: Lab
    scorings: dict[int, Scoring] = field(default_factory=dict)

    @property
    def client(self) -> MlflowClient:
        """MLflow, as people use it."""
        return MlflowClient(self.lab.services["MLFLOW_TRACKING_URI"])

    @property
    def ledger(self) -> Ledger:
        """What is known of the series in the object store."""
        return Ledger(self.lab.store, self.lab.name)

    @property
    def series(self) -> Series:
        """The series as a trainer has it."""
        stream, name = self.lab.stream, self.lab.name
        commands = SeriesCommands(".", str(self.lab.file), stream, "disjoint", name)
        return Series(stream, "disjoint", name, self.lab.tracking.uri, "http://127.0.0.1:1", None, commands)

    def publish(self, *batches: str) -> None:
        """Publish a version for each of ``batches``: `ready`, or the reason why it cannot be trained."""
        self.lab.store.ensure_bucket()
        runs = Runs(self.lab.tracking, self.lab.name, self.lab.name)
        artifacts = ArtifactStore(runs, self.lab.tracking.uri)
        with self.lab.registry() as registry, Lease(self.lab.store, self.lab.name, wait_s=5) as lease:
            publisher = Publisher(
                self.series,
                registry,
                self.ledger,
                runs=runs,
                artifacts=artifacts,
                lease=lease,
                uri=self.lab.tracking.uri,
            )
            first = len(registry.versions()) + 1
            for number, state in enumerate(batches, start=first):
                publisher.publish(number, self._record(number, state, runs, artifacts))

    def _record(self, number: int, state: str, runs: Runs, artifacts: ArtifactStore) -> VersionRecord:
        run = runs.start(number, f"key{number}", None)
        run_id = run.info.run_id
        tags = {TAG_STREAM: self.lab.name, TAG_SCHEME: "disjoint", TAG_BATCH: str(number), TAG_ROWS: "50"}
        tags |= {TAG_TRAIN_KEY: f"key{number}", TAG_REFERENCE: "r"}
        if state != "ready":
            runs.end(run_id, "FAILED", {TAG_ERROR: state, "state": "failed"})
            return VersionRecord(run_id, run.info.artifact_uri, {**tags, TAG_REASON: state}, f"**Failed**: {state}.")
        scoring = scoring_of(number)
        self.scorings[number] = scoring
        logged = artifacts.begin(run_id, self.lab.name, {}, {})
        path = self.lab.directory / run_id
        for name, body in artifact_files(scoring, rows_of(scoring, 50, number)).items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(body)
        artifacts.upload(logged, run_id, path)
        artifact = Artifact(logged.model_id, logged.artifact_location, digests(path))
        source, said = f"models:/{logged.model_id}", f"Batch {number}."
        record = VersionRecord(run_id, source, tags, said, artifact=artifact, metrics=METRICS)
        runs.log_text(run_id, record.to_json(), RECORD_FILE)
        runs.end(run_id, "FINISHED")
        return record

    def shown(self) -> tuple[RegisteredModel | None, Mapping[int, RegisteredVersion]]:
        """Return all that the registry shows of the series."""
        with self.lab.registry() as registry:
            return registry.model_facts(), registry.versions()

    def forget_ledger(self) -> None:
        """Leave the series as one of before there was a ledger."""
        for entry in list(self.lab.store.list_objects(f"_series/{self.lab.name}/")):
            self.lab.store.delete(entry.key)

    def restore(self, **more: str) -> tuple[int, str]:
        """Run `python -m pipeline restore MODEL`; return its exit code and what it said."""
        return self.lab.pipeline("restore", self.lab.name, **more)

    def delete_experiment(self) -> str:
        """Delete the stream's experiment and return its id."""
        found = self.client.get_experiment_by_name(self.lab.name)
        assert found is not None
        self.client.delete_experiment(found.experiment_id)
        return str(found.experiment_id)

    def stage(self, run_id: str) -> str:
        """Return the lifecycle stage of a run."""
        uri = f"{self.lab.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/runs/get"
        return str(httpx.get(uri, params={"run_id": run_id}).json()["run"]["info"]["lifecycle_stage"])


def predict_body(scoring: Scoring) -> bytes:
    """Return a request for two rows."""
    rows = [dict.fromkeys(scoring.features, 1.0), dict.fromkeys(scoring.features, 20.0)]
    return json.dumps({"dataframe_records": rows}).encode()


def shell(lab: Lab, command: str, cwd: Path) -> tuple[int, str]:
    """Type ``command`` as a person does who has the environment; return its exit code and what it said."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=lab.typed_environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    return done.returncode, done.stdout
