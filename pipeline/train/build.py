"""Makes one version of its batches: train, prove, upload, write results, log; all but the registration."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from mlflow.entities import LoggedModel, Run
from mlflow.models import Model as MlflowModel

from contract.batch import Manifest, manifest_key
from contract.model_version import TAG_REASON, TAG_RESULTS
from contract.version_facts import told_metrics
from pipeline.fault import fault_point
from pipeline.object_store import ObjectStore
from pipeline.train import describe
from pipeline.train.artifact import Numbers, digests, save_artifact
from pipeline.train.assign import Sample
from pipeline.train.batches import SealedBatch
from pipeline.train.comparison import Comparer, Comparison
from pipeline.train.evaluate import statistics
from pipeline.train.event_window import event_window_ms
from pipeline.train.ledger import Artifact
from pipeline.train.pictures import Drawn, Pixels, draw
from pipeline.train.publish import RECORD_FILE, VersionRecord
from pipeline.train.results import write_results
from pipeline.train.runs import TAG_BATCH as TAG_RUN_BATCH
from pipeline.train.runs import LoggedOn, Runs
from pipeline.train.series import Series
from pipeline.train.session import SparkOnDemand
from pipeline.train.train_key import data_digest
from pipeline.train.training import Stopwatch, Trained, prepared_rows, prove, silhouette, train
from pipeline.train.upload import ArtifactStore

logger = logging.getLogger(__name__)

TRANSITIONS_FILE: Final = "transitions.json"


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
        comparer: Comparer,
    ) -> None:
        self._series, self._store, self._runs = series, store, runs
        self._artifacts, self._spark, self._comparer = artifacts, spark, comparer

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

    def build(self, run: Run, key: str, batches: tuple[SealedBatch, ...]) -> VersionRecord:
        """Train ``batches`` in ``run`` and return what registering needs, which the run has as an artifact then.

        Raises
        ------
        DataError: the rows cannot be clustered.
        ModelArtifactError: numpy and Spark disagree, or the artifact did not arrive whole.
        """
        series, watch = self._series, Stopwatch()
        manifests = [batch.manifest for batch in batches]
        spark = self._spark.session()
        with (
            prepared_rows(spark, self._store.bucket, series.stream, manifests, watch) as (prepared, rows),
            ThreadPoolExecutor(2) as beside,
        ):
            trained = train(prepared, rows, series.stream, watch)
            fault_point("train.fitted")
            happened = beside.submit(event_window_ms, spark, self._store.bucket, series.stream, manifests)
            golden, sample = prove(spark, trained, watch)
            # Not before: rows that numpy would assign otherwise are no results.
            results = beside.submit(self._write_results, run, trained)
            with watch.measured("compare"):
                comparison = self._compare(trained, sample, manifests[-1])
            trained = trained.named(comparison.lineage.labels)
            drawn = beside.submit(draw, self._drawn(run, trained, sample, comparison))
            score = silhouette(trained, sample, watch)
            params, metrics = self._numbers(trained, score, manifests[-1].batch)
            metrics |= comparison.metrics
            facts = comparison.told_in(describe.batch_facts(manifests, happened.result()))
            # Not the seconds, which are the machine's and not known yet.
            facts = dataclasses.replace(facts, silhouette=metrics.get("silhouette"), metrics=told_metrics(metrics))
            numbers = Numbers(
                trained.scoring,
                statistics(trained.clusters, trained.scoring),
                golden,
                comparison.lineage,
                comparison.profile,
                facts,
            )
            with tempfile.TemporaryDirectory(prefix="swathe-artifact-") as directory:
                path = Path(directory) / "model"
                with watch.measured("artifact"):
                    described = save_artifact(path, trained.model, numbers, self._spark.scratch(f"{directory}/spark"))
                # Before MLflow is given anything: a store that refuses them would leave an artifact at each attempt.
                with watch.measured("results"):
                    results_key = results.result()
                fault_point("train.results-written")
                with watch.measured("pictures"):
                    pictures = drawn.result()
                # Like its version: MLflow's Models tab shows nothing else that tells two apart.
                named = f"{series.model}-v{manifests[-1].batch}"
                with self._artifacts.begun(run.info.run_id, named, params) as logged:
                    with watch.measured("artifact"):
                        artifact = self._upload(run, logged, path, described)
                    fault_point("train.uploaded")
                    with watch.measured("pictures"):
                        self._show(run, manifests[-1].batch, pictures, comparison)
                    metrics |= {f"seconds/{step}": spent for step, spent in watch.seconds.items()}
                    tags = describe.batch_tags(series.stream, series.scheme, manifests, key)
                    record = VersionRecord(
                        run_id=run.info.run_id,
                        source=f"models:/{artifact.model_id}",
                        tags={**tags, TAG_RESULTS: results_key},
                        description=self._description(run, manifests, [*self._why(trained), *comparison.sentences]),
                        artifact=artifact,
                        metrics=metrics,
                        reference=comparison.reference_key,
                    )
                    self._runs.log_text(run.info.run_id, record.to_json(), RECORD_FILE)
                    # Last, because numbers that are logged once more by the next attempt would stand there twice.
                    self._log(run, batches, params, describe.charted(metrics), artifact)
                    if trained.swept is not None:
                        self._runs.log_curves(run.info.run_id, trained.swept.curves())
        return record

    def _why(self, trained: Trained) -> list[str]:
        model = self._series.stream.model
        return describe.fit_sentences(model, trained.clustering, trained.next_step, trained.swept)

    def _compare(self, trained: Trained, sample: Sample, newest: Manifest) -> Comparison:
        """Compare on the rows of the newest batch alone, which under either scheme no earlier version has seen."""
        own = sample.of(newest)
        # Of a batch that is a sliver of all that came before, the sample may have no row.
        rows = own if len(own.rows) else sample
        return self._comparer.compare(newest.batch, trained.scoring, rows)

    def _drawn(self, run: Run, trained: Trained, sample: Sample, comparison: Comparison) -> Drawn:
        return Drawn(
            title=f"{self._series.model} version {run.data.tags[TAG_RUN_BATCH]}",
            scoring=trained.scoring,
            rows=sample.rows,
            clusters=sample.clusters,
            shares=[cluster.size / trained.rows for cluster in trained.clusters],
            comparison=comparison,
            swept=trained.swept,
        )

    def _show(self, run: Run, batch: int, pictures: Mapping[str, Pixels], comparison: Comparison) -> None:
        """Log the version's pictures, and what became of the clusters before as a table."""
        self._runs.log_images(run.info.run_id, pictures, batch)
        table = describe.transitions_table(comparison.lineage)
        if table:
            self._runs.log_table(run.info.run_id, table, TRANSITIONS_FILE)

    def _write_results(self, run: Run, trained: Trained) -> str:
        return write_results(
            trained.assigned,
            self._store,
            model=self._series.model,
            run_id=run.info.run_id,
            features=self._series.stream.features,
            rows=trained.rows,
        )

    def _numbers(self, trained: Trained, score: float, batch: int) -> tuple[dict[str, object], dict[str, float]]:
        """Return the run's parameters and metrics."""
        stream = self._series.stream
        k, seed = len(trained.clusters), trained.clustering.seed
        params = describe.run_params(stream, k, seed, batch=batch, rows=trained.rows)
        converged = trained.next_step <= stream.model.tol
        iterations = trained.clustering.iterations
        metrics = describe.run_metrics(trained.scoring, trained.clusters, score, iterations, converged=converged)
        return params, metrics

    def _log(
        self,
        run: Run,
        batches: Sequence[SealedBatch],
        params: dict[str, object],
        metrics: dict[str, float],
        artifact: Artifact,
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
        self._runs.log(run_id, params, metrics, model=LoggedOn(artifact.model_id, dataset, digest))

    def _upload(self, run: Run, logged: LoggedModel, path: Path, description: MlflowModel) -> Artifact:
        """Bring the artifact at ``path`` to MLflow as ``logged`` and read it back; return where it is."""
        description.artifact_path, description.model_uuid = logged.artifact_location, logged.model_id
        description.run_id, description.model_id = run.info.run_id, logged.model_id
        description.save(str(path / "MLmodel"))
        hashed = digests(path)
        self._artifacts.upload(logged, path)
        self._artifacts.check(logged.artifact_location, hashed)
        return Artifact(logged.model_id, logged.artifact_location, hashed)

    def _description(self, run: Run, manifests: Sequence[Manifest], sentences: Sequence[str]) -> str:
        series = self._series
        return describe.version_description(
            manifests,
            self._store.bucket,
            f"{series.tracking_url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}",
            describe.route_url(series.serving_url, series.model, manifests[-1].batch),
            sentences,
        )
