"""One batch after the other: train, log, register."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities import Run
from mlflow.models import Model as MlflowModel
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from contract.batch import Manifest
from contract.errors import DataError, StopError, SwatheError
from contract.model_version import TAG_REASON, TAG_RESULTS, TAG_SILHOUETTE, TAG_STATE
from pipeline.fault import fault_point
from pipeline.object_store import ObjectStore
from pipeline.train import describe
from pipeline.train.artifact import Numbers, save_artifact
from pipeline.train.batches import SealedBatch, check_parts
from pipeline.train.evaluate import statistics
from pipeline.train.layout import partitions_for
from pipeline.train.plan import Action, Step
from pipeline.train.publish import RECORD_FILE, Publisher, VersionRecord
from pipeline.train.results import write_results
from pipeline.train.runs import TAG_ERROR, TAG_SUPERSEDED, Runs, mlflow_errors
from pipeline.train.series import Outcome, Series
from pipeline.train.session import SparkOnDemand
from pipeline.train.train_key import data_digest
from pipeline.train.training import Stopwatch, Trained, prepared_rows, prove, silhouette, train
from pipeline.train.upload import ArtifactStore

logger = logging.getLogger(__name__)


class Terminated(BaseException):
    """SIGTERM arrived; whatever runs is ended as KILLED."""


class Trainer:
    """Makes the versions of one series; the caller holds the model's lease."""

    def __init__(
        self,
        series: Series,
        store: ObjectStore,
        runs: Runs,
        artifacts: ArtifactStore,
        publisher: Publisher,
        spark: SparkOnDemand,
    ) -> None:
        self._series, self._store, self._runs = series, store, runs
        self._artifacts, self._publisher, self._spark = artifacts, publisher, spark

    def take(self, steps: Sequence[Step], batches: Sequence[SealedBatch]) -> Iterator[Outcome]:
        """Do ``steps`` in order and yield what became of each.

        Raises
        ------
        ServiceDownError: a service failed; the step's run is FAILED and no number was spent.
        StopError: a person has to decide.
        """
        for step in steps:
            begin = time.monotonic()
            said = self._take(step, self._series.trained_on(batches, step.batch))
            yield Outcome(step.batch, said, time.monotonic() - begin)

    def _take(self, step: Step, batches: tuple[SealedBatch, ...]) -> str:
        if step.action is Action.FINISH and step.version is not None:
            self._publisher.finish(step.version)
            return "was registered, is ready now"
        if step.action is not Action.TRAIN:
            return step.action.value
        earlier = self._runs.of_batch(step.batch)
        for run in earlier:
            record = self._publisher.record(run)
            if record is not None and record.tags["train_key"] == step.key:
                self._artifacts.check(record.location, record.digests or {})
                self._publisher.publish(step.batch, record)
                return f"registered from finished run {run.info.run_id}"
        return self._train(step, batches, [run for run in earlier if run.info.status == "RUNNING"])

    def _train(self, step: Step, batches: tuple[SealedBatch, ...], left_running: Sequence[Run]) -> str:
        run = self._runs.start(step.batch, step.key, self._series.launcher_run_id)
        for dead in left_running:
            self._runs.end(dead.info.run_id, "KILLED", {TAG_SUPERSEDED: run.info.run_id})
        fault_point("train.run-created")
        manifests = [batch.manifest for batch in batches]
        with self._ended(run):
            check_parts(self._store, batches)
            try:
                record = self._version(run, step.key, batches)
            except DataError as error:
                record = self._failure(run, step.key, manifests, str(error))
                self._runs.end(run.info.run_id, "FAILED", {TAG_ERROR: str(error), TAG_STATE: "failed"})
            else:
                self._runs.client.log_text(run.info.run_id, record.to_json(), RECORD_FILE)
                self._runs.end(run.info.run_id, "FINISHED")
        fault_point("train.run-ended")
        self._publisher.publish(step.batch, record)
        if TAG_REASON in record.tags:
            return f"cannot be trained, and is registered as failed: {record.tags[TAG_REASON]}"
        return f"trained on {record.tags['rows']} rows, silhouette {float(record.tags[TAG_SILHOUETTE]):.3f}"

    @contextmanager
    def _ended(self, run: Run) -> Iterator[None]:
        """End ``run`` as FAILED or KILLED if the block does not come to its end, and say why."""
        try:
            with spark_errors():
                yield
        except BaseException as error:
            status = "FAILED" if isinstance(error, Exception) else "KILLED"
            try:
                self._runs.end(run.info.run_id, status, {TAG_ERROR: str(error) or type(error).__name__})
            except SwatheError as second:
                logger.warning("run not ended run_id=%s reason=%s", run.info.run_id, second)
            raise

    def _failure(self, run: Run, key: str, manifests: Sequence[Manifest], reason: str) -> VersionRecord:
        series = self._series
        tags = describe.batch_tags(series.stream, series.scheme, manifests, key)
        sentence = f"**Failed**: {reason}."
        return VersionRecord(
            run_id=run.info.run_id,
            source=run.info.artifact_uri,
            tags={**tags, TAG_REASON: reason},
            description=self._description(run, manifests, [sentence]),
        )

    def _version(self, run: Run, key: str, batches: tuple[SealedBatch, ...]) -> VersionRecord:
        series, watch = self._series, Stopwatch()
        manifests = [batch.manifest for batch in batches]
        run_id = run.info.run_id
        spark = self._spark.session()
        with (
            prepared_rows(spark, self._store.bucket, series.stream, manifests, watch) as (prepared, rows),
            ThreadPoolExecutor(1) as beside,
        ):
            trained = train(prepared, rows, series.stream, watch)
            fault_point("train.fitted")
            results = beside.submit(
                write_results,
                trained.assigned,
                self._store,
                series.model,
                run_id,
                series.stream.features,
                rows,
            )
            golden, _sample = prove(spark, trained, watch)
            score = silhouette(trained, watch)
            numbers = Numbers(trained.scoring, statistics(trained.clusters, trained.scoring), golden)
            params = describe.run_params(series.stream, len(trained.clusters), trained.clustering.seed, partitions_for(rows, len(series.stream.features)))
            metrics = describe.run_metrics(trained.scoring, trained.clusters, score, trained.clustering.iterations)
            with watch.measured("artifact"):
                location, model_id, digests = self._upload(run, trained, numbers, params, metrics)
            fault_point("train.uploaded")
            with watch.measured("results"):
                results_key = results.result()
        fault_point("train.results-written")
        times = {f"seconds/{step}": spent for step, spent in watch.seconds.items()}
        self._runs.log(run_id, params, {**metrics, **times}, {})
        self._runs.log_dataset(
            run_id,
            f"{series.stream.name}-{manifests[-1].batch}",
            f"s3://{self._store.bucket}/{series.stream.name}",
            data_digest([batch.body for batch in batches]),
            {"batch": str(manifests[-1].batch), "offsets": str(describe.offsets(manifests))},
        )
        tags = {
            **describe.batch_tags(series.stream, series.scheme, manifests, key),
            TAG_RESULTS: results_key,
            TAG_SILHOUETTE: repr(score),
        }
        return VersionRecord(
            run_id=run_id,
            source=f"models:/{model_id}",
            tags=tags,
            description=self._description(run, manifests, []),
            model_id=model_id,
            location=location,
            digests=digests,
        )

    def _upload(self, run: Run, trained: Trained, numbers: Numbers, params: dict[str, object], metrics: dict[str, float]) -> tuple[str, str, dict[str, str]]:
        """Save the artifact, bring it to MLflow and read it back; return its location, its id and its files."""
        logged = self._artifacts.begin(
            run.info.run_id, self._series.model, {name: str(value) for name, value in params.items()}, {}
        )
        description = MlflowModel(
            artifact_path=logged.artifact_location,
            model_uuid=logged.model_id,
            run_id=run.info.run_id,
            model_id=logged.model_id,
        )
        with tempfile.TemporaryDirectory(prefix="swathe-artifact-") as directory:
            path = Path(directory) / "model"
            digests = save_artifact(path, trained.model, numbers, description, f"{directory}/spark")
            self._artifacts.upload(logged, run.info.run_id, path)
        self._artifacts.check(logged.artifact_location, digests)
        del metrics
        return logged.artifact_location, logged.model_id, digests

    def _description(self, run: Run, manifests: Sequence[Manifest], sentences: Sequence[str]) -> str:
        series = self._series
        return describe.version_description(
            manifests,
            f"{series.tracking_url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}",
            describe.route_url(series.serving_url, series.model, manifests[-1].batch),
            sentences,
        )


@contextmanager
def spark_errors() -> Iterator[None]:
    """Say what Spark raises in one line."""
    try:
        yield
    except Py4JJavaError as error:
        raise StopError(f"Spark failed: {str(error.java_exception.toString()).splitlines()[0][:500]}") from error
    except (Py4JError, PySparkException) as error:
        raise StopError(f"Spark failed: {str(error).splitlines()[0][:500]}") from error
