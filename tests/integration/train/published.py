"""Series that were published by the project's own code, without Spark: versions that can be served, and failed ones."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from mlflow.tracking import MlflowClient

from contract.model_version import (
    TAG_BATCH,
    TAG_KIND,
    TAG_REASON,
    TAG_REFERENCE,
    TAG_ROWS,
    TAG_SCHEME,
    TAG_STREAM,
    TAG_TRAIN_KEY,
)
from contract.series_commands import SeriesCommands
from pipeline.train.kinds.kind import Opened, open_kind
from pipeline.train.lease import Lease
from pipeline.train.ledger.ledger import Artifact, Ledger
from pipeline.train.ledger.registrations import Registrations
from pipeline.train.ledger.restoring import open_restorer
from pipeline.train.ledger.survey import all_edits
from pipeline.train.ledger.version_record import RECORD_FILE, VersionRecord
from pipeline.train.mlflow_client.registry import RegisteredModel, RegisteredVersion
from pipeline.train.mlflow_client.runs import TAG_ERROR, Runs
from pipeline.train.mlflow_client.upload import ArtifactStore, digests
from pipeline.train.publish.publisher import Publisher
from pipeline.train.series import Series
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
        self._with_publisher(lambda publisher, runs: self._publish(publisher, runs, batches))

    def _publish(self, publisher: Publisher, runs: Runs, batches: Sequence[str]) -> None:
        artifacts, first = ArtifactStore(runs, self.lab.tracking.uri), len(self.shown()[1]) + 1
        for number, state in enumerate(batches, start=first):
            publisher.publish(number, self._record(number, state, runs, artifacts))

    def _with_publisher(self, do: Callable[[Publisher, Runs], None]) -> None:
        self.lab.store.ensure_bucket()
        uri = self.lab.tracking.uri
        runs = Runs(self.lab.tracking, self.lab.name, self.lab.name)
        artifacts = ArtifactStore(runs, uri)
        with self.lab.registry() as registry, Lease(self.lab.store, self.lab.name, wait_s=5) as lease:
            kind = open_kind(Opened(self.series, self.lab.store, registry, artifacts))
            do(
                Publisher(
                    self.series,
                    registry,
                    self.ledger,
                    registrations=Registrations(registry, self.ledger),
                    kind=kind,
                    runs=runs,
                    artifacts=artifacts,
                    lease=lease,
                    uri=uri,
                ),
                runs,
            )

    def _record(self, number: int, state: str, runs: Runs, artifacts: ArtifactStore) -> VersionRecord:
        run = runs.start(number, f"key{number}", None)
        run_id = run.info.run_id
        tags = {
            TAG_STREAM: self.lab.name,
            TAG_SCHEME: "disjoint",
            TAG_KIND: "kmeans",
            TAG_BATCH: str(number),
            TAG_ROWS: "50",
        }
        tags |= {TAG_TRAIN_KEY: f"key{number}", TAG_REFERENCE: "r"}
        if state != "ready":
            runs.end(run_id, "FAILED", {TAG_ERROR: state, "state": "failed"})
            return VersionRecord(run_id, run.info.artifact_uri, {**tags, TAG_REASON: state}, f"**Failed**: {state}.")
        scoring = scoring_of(number)
        self.scorings[number] = scoring
        logged = artifacts.begin(run_id, self.lab.name, "clusterer", {})
        path = self.lab.directory / run_id
        for name, body in artifact_files(scoring, rows_of(scoring, 50, number)).items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(body)
        artifacts.upload(logged, path)
        artifacts.finish(logged, run_id)
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

    def publish_again(self, batch: int) -> None:
        """Do with the finished run of ``batch`` what the next training does: it has no version."""
        self._with_publisher(lambda publisher, runs: _published_again(publisher, runs, batch))

    def edits(self) -> list[str]:
        """Return what `status` and `doctor` say was edited: name and reason."""
        found = all_edits(self.lab.tracking, self.lab.store, [self.series.commands])
        assert all(f"`python -m pipeline restore {self.lab.name}`" in edit.remedy for edit in found), found
        told = [f"{edit.name} {edit.why}" for edit in found]
        return [re.sub(r"[:,] the registry was edited(, or is another one)?$|, whose.*", "", each) for each in told]

    def restored(self) -> list[str]:
        """Restore in this process, and return what was done."""
        with self.lab.registry() as registry, Lease(self.lab.store, self.lab.name, wait_s=5) as lease:
            return list(open_restorer(registry, self.ledger, self.lab.tracking, lease).restore())

    def artifact_path(self, number: int) -> str:
        """Return where the files of a version's artifact are, below the tracking server's proxy."""
        found = self.client.get_logged_model(self.shown()[1][number].source.removeprefix("models:/"))
        return str(found.artifact_location).removeprefix("mlflow-artifacts:/")

    @property
    def request(self) -> bytes:
        """A request for two rows, which any version answers."""
        features = self.scorings[1].features
        rows = [dict.fromkeys(features, 1.0), dict.fromkeys(features, 20.0)]
        return json.dumps({"dataframe_records": rows}).encode()

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
        timeout=3 * COMMAND_S,
        check=False,
    )
    return done.returncode, done.stdout


def _published_again(publisher: Publisher, runs: Runs, batch: int) -> None:
    [run] = runs.of_batch(batch)
    record = publisher.record(run)
    assert record is not None
    publisher.publish(batch, record)
