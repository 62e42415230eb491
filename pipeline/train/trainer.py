"""One batch after the other: train, log, register."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from contract.errors import DataError, SwatheError
from contract.model_version import TAG_REASON, TAG_STATE, TAG_TRAIN_KEY
from pipeline.fault import fault_point
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.kind import Kind
from pipeline.train.lease import lease_key
from pipeline.train.ledger.version_record import RECORD_FILE
from pipeline.train.mlflow_client.entities import Run
from pipeline.train.mlflow_client.runs import TAG_ERROR, TAG_NOTE, TAG_OWNER, TAG_SUPERSEDED, Runs
from pipeline.train.mlflow_client.runs import TAG_TRAIN_KEY as TAG_RUN_KEY
from pipeline.train.publish.plan import Action, Step
from pipeline.train.publish.publisher import Publisher
from pipeline.train.read.batches import SealedBatch, check_parts
from pipeline.train.read.spark_errors import spark_errors
from pipeline.train.series import Outcome, Series
from pipeline.train.version_builder import VersionBuilder

logger = logging.getLogger(__name__)


class Trainer:
    """Makes the versions of one series; the caller holds the model's lease."""

    def __init__(
        self,
        series: Series,
        *,
        kind: Kind,
        store: ObjectStore,
        runs: Runs,
        publisher: Publisher,
        builder: VersionBuilder,
        stopping: threading.Event | None = None,
    ) -> None:
        self._series, self._kind, self._store, self._runs = series, kind, store, runs
        self._publisher, self._builder = publisher, builder
        self._stopping = stopping or threading.Event()

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
            return step.said
        earlier = self._runs.of_batch(step.batch)
        for run in earlier:
            record = self._publisher.record(run)
            if record is not None and record.tags[TAG_TRAIN_KEY] == step.key:
                self._publisher.check(record)
                self._publisher.publish(step.batch, record)
                return f"registered from finished run {run.info.run_id}"
            if _is_untrainable(run, step.key):
                if TAG_OWNER in run.data.tags:
                    # Killed when the reason was there, and not yet the end.
                    self._runs.end(run.info.run_id, "FAILED")
                manifests = [batch.manifest for batch in batches]
                self._publisher.publish(
                    step.batch, self._builder.failed(run, step.key, manifests, run.data.tags[TAG_ERROR])
                )
                return f"registered as failed from run {run.info.run_id}"
        # Before anything is created: until a person has put them right, each look would leave something behind.
        check_parts(self._store, batches)
        return self._train(step, batches, earlier)

    def _begin(self, step: Step, earlier: Sequence[Run]) -> Run:
        """Begin a run for ``step``: the one that failed last, for the same key, or a new one."""
        launcher = self._series.launcher_run_id
        failed = next((run for run in earlier[:1] if _is_to_be_tried_again(run, step.key)), None)
        if failed is not None:
            return self._runs.begin_again(failed, launcher)
        return self._runs.start(step.batch, step.key, launcher)

    def _train(self, step: Step, batches: tuple[SealedBatch, ...], earlier: Sequence[Run]) -> str:
        run = self._begin(step, earlier)
        for dead in earlier:
            if dead.info.status == "RUNNING":
                self._runs.end(dead.info.run_id, "KILLED", {TAG_SUPERSEDED: run.info.run_id})
        fault_point("train.run-created")
        manifests = [batch.manifest for batch in batches]
        with self._ended(run):
            try:
                # Where no cause is known, but the object store does not answer, that is what failed.
                answering = partial(self._store.head, lease_key(self._series.model))
                with spark_errors(self._store.endpoint_url, answering, tuple(self._series.stream.inputs)):
                    record = self._builder.build(run, step.key, batches)
            except DataError as error:
                record = self._builder.failed(run, step.key, manifests, str(error))
                self._runs.log_text(run.info.run_id, record.to_json(), RECORD_FILE)
                told = {TAG_ERROR: str(error), TAG_STATE: "failed", TAG_NOTE: record.description}
                self._runs.end(run.info.run_id, "FAILED", told, RECORD_FILE)
            else:
                self._runs.end(run.info.run_id, "FINISHED", {TAG_NOTE: record.description}, RECORD_FILE)
        fault_point("train.run-ended")
        earned = self._publisher.publish(step.batch, record)
        if TAG_REASON in record.tags:
            return f"cannot be trained, and is registered as failed: {record.tags[TAG_REASON]}"
        return f"trained on {record.tags['rows']} rows, {self._kind.headline(record.metrics)}, alias {earned}"

    @contextmanager
    def _ended(self, run: Run) -> Iterator[None]:
        """End ``run`` as FAILED or KILLED if the block does not come to its end, and say why."""
        try:
            yield
        except BaseException as error:
            killed = self._stopping.is_set() or not isinstance(error, Exception)
            status = "KILLED" if killed else "FAILED"
            try:
                said = str(error) or type(error).__name__
                self._runs.end(run.info.run_id, status, {TAG_ERROR: said, TAG_NOTE: f"**{status.title()}**: {said}"})
            except SwatheError as second:
                logger.warning("run not ended run_id=%s reason=%s", run.info.run_id, second)
            raise


def _is_untrainable(run: Run, key: str) -> bool:
    """Whether ``run`` has found, for the same key, that the rows cannot be trained."""
    tags = run.data.tags
    return tags.get(TAG_RUN_KEY) == key and tags.get(TAG_STATE) == "failed" and TAG_ERROR in tags


def _is_to_be_tried_again(run: Run, key: str) -> bool:
    """Whether ``run`` failed for the same key, and not by its rows."""
    return run.info.status == "FAILED" and run.data.tags.get(TAG_RUN_KEY) == key and not _is_untrainable(run, key)
