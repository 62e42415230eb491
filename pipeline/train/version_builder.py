"""Makes one version of its batches: train, prove, upload, write results, log; all but the registration."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from contract.batch import Manifest, manifest_key
from contract.model_version import TAG_REASON, TAG_RESULTS
from contract.version_facts import FACTS_FILE, facts_to_json, told_metrics
from pipeline.fault import fault_point
from pipeline.landed_types import LandedTypes
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.kind import Batch, Fitted, Kind, Made, Pixels
from pipeline.train.ledger.ledger import Artifact
from pipeline.train.ledger.version_record import RECORD_FILE, VersionRecord
from pipeline.train.mlflow_client.artifact import save_artifact
from pipeline.train.mlflow_client.entities import LoggedModel, MlflowModel, Run
from pipeline.train.mlflow_client.runs import LoggedOn, Runs
from pipeline.train.mlflow_client.upload import ArtifactStore, digests
from pipeline.train.publish import describe
from pipeline.train.read.batches import SealedBatch
from pipeline.train.read.event_window import event_window_ms
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.series import Series
from pipeline.train.stopwatch import Stopwatch
from pipeline.train.train_key import data_digest

logger = logging.getLogger(__name__)


Told = Callable[[str], None]
"""Hears what is being done, again and again."""


@dataclass(frozen=True)
class Fitting:
    """A run whose model Spark has fitted; ``close`` lets go of the rows."""

    run: Run
    key: str
    batches: tuple[SealedBatch, ...]
    batch: Batch
    watch: Stopwatch
    fitted: Fitted
    close: Callable[[], None]


class VersionBuilder:
    """Builds the versions of one series."""

    def __init__(
        self,
        series: Series,
        *,
        store: ObjectStore,
        runs: Runs,
        artifacts: ArtifactStore,
        spark: SparkOnDemand,
        kind: Kind,
        told: Told = lambda _: None,
    ) -> None:
        self._series, self._store, self._runs = series, store, runs
        self._artifacts, self._spark, self._kind, self._told = artifacts, spark, kind, told
        self._landed = LandedTypes(store)

    def failed(self, run: Run, key: str, manifests: Sequence[Manifest], reason: str) -> VersionRecord:
        series = self._series
        tags = describe.batch_tags(series.stream, series.scheme, manifests, key)
        tags |= describe.tags_of_facts(describe.batch_facts(manifests))
        sentence = f"**Failed**: {reason}."
        return VersionRecord(
            run_id=run.info.run_id,
            source=run.info.artifact_uri,
            tags={**tags, TAG_REASON: reason},
            description=self._description(run, manifests, [sentence]),
        )

    def fit(self, run: Run, key: str, batches: tuple[SealedBatch, ...]) -> Fitting:
        """Fit ``batches`` for ``run``, whatever the versions before are; what Spark keeps is kept until closed.

        Raises
        ------
        DataError: the rows cannot be trained.
        """
        watch = Stopwatch(self._telling(batches[-1].number))
        spark = self._spark.session()
        landed = self._landed.of(key for sealed in batches for key in sealed.filled)
        batch = Batch(spark, run.info.run_id, [sealed.manifest for sealed in batches], self._spark.scratch, landed)
        with ExitStack() as kept:
            fitted = kept.enter_context(self._kind.fitted(batch, watch))
            fault_point("train.fitted")
            return Fitting(run, key, batches, batch, watch, fitted, kept.pop_all().close)

    def cancel(self) -> None:
        """Let what Spark is doing fail."""
        self._spark.cancel()

    def complete(self, fitting: Fitting) -> VersionRecord:
        """Make a version of ``fitting``; return what registering needs, which the run has as an artifact then.

        Raises
        ------
        ModelArtifactError: numpy and Spark disagree, or the artifact did not arrive whole.
        """
        with closing(fitting):
            return self._completed(fitting)

    def _completed(self, fitting: Fitting) -> VersionRecord:
        series, run, key, batches = self._series, fitting.run, fitting.key, fitting.batches
        batch, watch = fitting.batch, fitting.watch
        manifests = batch.manifests
        with ThreadPoolExecutor(2) as beside:
            happened = beside.submit(event_window_ms, self._store, series.stream, manifests)
            made = fitting.fitted.made(beside, watch)
            params = {"batch": batch.number, "rows": made.rows, **made.params}
            facts = describe.batch_facts(manifests, happened.result())
            # Not the seconds, which are the machine's and not known yet.
            facts = dataclasses.replace(facts, metrics=told_metrics(made.metrics))
            files = {FACTS_FILE: facts_to_json(facts), **made.files(facts)}
            with tempfile.TemporaryDirectory(prefix="swathe-artifact-") as directory:
                path = Path(directory) / "model"
                with watch.measured("artifact"):
                    scratch = self._spark.scratch(f"{directory}/spark")
                    described = save_artifact(
                        path,
                        made.model,
                        files,
                        inputs=made.inputs,
                        answers=made.answers,
                        code=made.code,
                        dfs_tmpdir=scratch,
                    )
                # Before MLflow is given anything: a store that refuses them would leave an artifact at each attempt.
                with watch.measured("results"):
                    stored = {} if made.results is None else {TAG_RESULTS: made.results.result()}
                fault_point("train.results-written")
                with watch.measured("pictures"):
                    pictures = made.pictures.result()
                # Like its version: MLflow's Models tab shows nothing else that tells two apart.
                named = f"{series.model}-v{batch.number}"
                with self._artifacts.begun(run.info.run_id, named, made.model_type, params) as logged:
                    shown = beside.submit(self._show, run, batch.number, pictures, made)
                    with watch.measured("artifact"):
                        artifact = self._upload(run, logged, path, described, watch.told)
                    fault_point("train.uploaded")
                    with watch.measured("pictures"):
                        shown.result()
                    metrics = {**made.metrics, **{f"seconds/{step}": spent for step, spent in watch.seconds.items()}}
                    record = VersionRecord(
                        run_id=run.info.run_id,
                        source=f"models:/{artifact.model_id}",
                        tags={
                            **describe.batch_tags(series.stream, series.scheme, manifests, key),
                            **stored,
                        },
                        description=self._description(run, manifests, made.sentences),
                        artifact=artifact,
                        metrics=metrics,
                        reference=made.reference,
                    )
                    self._runs.log_text(run.info.run_id, record.to_json(), RECORD_FILE)
                    # Last, because numbers that are logged once more by the next attempt would stand there twice.
                    self._log(
                        run, batches, artifact, params=params, metrics=describe.charted(metrics), curves=made.curves
                    )
        return record

    def _show(self, run: Run, batch: int, pictures: Mapping[str, Pixels], made: Made) -> None:
        """Log the version's pictures and tables."""
        self._runs.log_images(run.info.run_id, pictures, batch)
        self._runs.log_tables(run.info.run_id, made.tables)

    def _log(
        self,
        run: Run,
        batches: Sequence[SealedBatch],
        artifact: Artifact,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        curves: Mapping[str, Mapping[int, float]],
    ) -> None:
        run_id, last = run.info.run_id, batches[-1].number
        dataset = f"{self._series.stream.name}-{last}"
        digest = data_digest([batch.body for batch in batches])
        self._runs.log_dataset(
            run_id,
            name=dataset,
            url=f"s3://{self._store.bucket}/{manifest_key(self._series.stream.name, last)}",
            digest=digest,
            profile={
                "rows": sum(batch.manifest.rows for batch in batches),
                "offsets": describe.offsets([batch.manifest for batch in batches]),
            },
        )
        self._runs.log(run_id, params, metrics, curves, model=LoggedOn(artifact.model_id, dataset, digest))

    def _upload(self, run: Run, logged: LoggedModel, path: Path, description: MlflowModel, told: Told) -> Artifact:
        """Bring the artifact at ``path`` to MLflow as ``logged`` and read it back; return where it is."""
        description.artifact_path, description.model_uuid = logged.artifact_location, logged.model_id
        description.run_id, description.model_id = run.info.run_id, logged.model_id
        description.save(str(path / "MLmodel"))
        hashed = digests(path)
        self._artifacts.upload(logged, path, _sent_of(path, told))
        told("upload, read back")
        self._artifacts.check(logged.artifact_location, hashed)
        return Artifact(logged.model_id, logged.artifact_location, hashed)

    def _telling(self, number: int) -> Told:
        return lambda what: self._told(f"version {number}: {what.replace('_', ' ')}")

    def _description(self, run: Run, manifests: Sequence[Manifest], sentences: Sequence[str]) -> str:
        series = self._series
        return describe.version_description(
            manifests,
            self._store.bucket,
            f"{series.tracking_url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}",
            describe.route_url(series.serving_url, series.model, manifests[-1].batch, self._kind.link),
            sentences,
        )


def _sent_of(path: Path, told: Told) -> Callable[[int], None]:
    """Return what is called with the bytes of each file below ``path`` that was uploaded, and tells how many are."""
    total = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    sent = 0

    def add(size: int) -> None:
        nonlocal sent
        sent += size
        told(f"upload, {sent / 1e6:.1f} of {total / 1e6:.1f} MB")

    return add
