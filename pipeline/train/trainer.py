"""One batch after the other: train, log, register; the next is fitted meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from contract.errors import DataError, StopError, SwatheError
from contract.model_version import TAG_REASON, TAG_STATE, TAG_TRAIN_KEY
from pipeline.fault import fault_point
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.kind import Kind
from pipeline.train.lease import lease_key
from pipeline.train.ledger.version_record import RECORD_FILE, VersionRecord
from pipeline.train.mlflow_client.entities import Run
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.mlflow_client.runs import TAG_ERROR, TAG_NOTE, TAG_OWNER, TAG_SUPERSEDED, Runs
from pipeline.train.mlflow_client.runs import TAG_TRAIN_KEY as TAG_RUN_KEY
from pipeline.train.publish.plan import Action, Step
from pipeline.train.publish.publisher import Publisher
from pipeline.train.read.batches import SealedBatch, check_parts
from pipeline.train.read.spark_errors import spark_errors
from pipeline.train.series import Outcome, Series
from pipeline.train.version_builder import Fitting, VersionBuilder

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Begun:
    """What is left to do for a batch: ``complete`` returns what became of it; ``let_go`` gives up what was begun."""

    complete: Callable[[], str]
    let_go: Callable[[], None] = lambda: None
    is_fitted: bool = False


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
        self._given_up: BaseException | None = None

    def take(self, steps: Sequence[Step], batches: Sequence[SealedBatch]) -> Generator[Outcome]:
        """Do ``steps`` in order and yield what became of each; while one is completed, the next is fitted.

        Raises
        ------
        ServiceDownError: a service failed; the step's run is FAILED and no number was spent.
        StopError: a person has to decide.
        """
        ahead: Future[Begun] | None = None
        self._given_up = None
        with ThreadPoolExecutor(1, thread_name_prefix="fit-ahead") as pool:
            try:
                for step, following in zip(steps, [*steps[1:], None], strict=True):
                    begin = time.monotonic()
                    begun = ahead.result() if ahead else self._begin(step, batches)
                    # Not beside what only has to be registered: that is over in a moment.
                    is_fitted = following is not None and begun.is_fitted
                    ahead = pool.submit(self._begin, following, batches) if following and is_fitted else None
                    yield Outcome(step.batch, begun.complete(), time.monotonic() - begin)
            except BaseException as error:
                if ahead is not None:
                    self._give_up(ahead, error)
                raise

    def _begin(self, step: Step, batches: Sequence[SealedBatch]) -> Begun:
        """Do of ``step`` what needs no version before it."""
        if step.action is Action.FINISH and step.version is not None:
            return Begun(partial(self._finish, step.version))
        if step.action is not Action.TRAIN:
            return Begun(lambda: step.said)
        trained_on = self._series.trained_on(batches, step.batch)
        earlier = self._runs.of_batch(step.batch)
        for run in earlier:
            record = self._publisher.record(run)
            if record is not None and record.tags[TAG_TRAIN_KEY] == step.key:
                return Begun(partial(self._register, step.batch, record))
            if _is_untrainable(run, step.key):
                return Begun(partial(self._register_failed, step, run, trained_on))
        # Before anything is created: until a person has put them right, each look would leave something behind.
        check_parts(self._store, trained_on)
        return self._fit(step, trained_on, earlier)

    def _finish(self, version: RegisteredVersion) -> str:
        self._publisher.finish(version)
        return "was registered, is ready now"

    def _register(self, batch: int, record: VersionRecord) -> str:
        self._publisher.check(record)
        self._publisher.publish(batch, record)
        return f"registered from finished run {record.run_id}"

    def _register_failed(self, step: Step, run: Run, batches: Sequence[SealedBatch]) -> str:
        if TAG_OWNER in run.data.tags:
            # Killed when the reason was there, and not yet the end.
            self._runs.end(run.info.run_id, "FAILED")
        manifests = [batch.manifest for batch in batches]
        self._publisher.publish(step.batch, self._builder.failed(run, step.key, manifests, run.data.tags[TAG_ERROR]))
        return f"registered as failed from run {run.info.run_id}"

    def _begin_run(self, step: Step, earlier: Sequence[Run]) -> Run:
        """Begin a run for ``step``: the one that failed last, for the same key, or a new one."""
        launcher = self._series.launcher_run_id
        failed = next((run for run in earlier[:1] if _is_to_be_tried_again(run, step.key)), None)
        if failed is not None:
            return self._runs.begin_again(failed, launcher)
        return self._runs.start(step.batch, step.key, launcher)

    def _fit(self, step: Step, batches: tuple[SealedBatch, ...], earlier: Sequence[Run]) -> Begun:
        run = self._begin_run(step, earlier)
        for dead in earlier:
            if dead.info.status == "RUNNING":
                self._runs.end(dead.info.run_id, "KILLED", {TAG_SUPERSEDED: run.info.run_id})
        fault_point("train.run-created")
        fitting = self._attempt(run, step.key, batches, lambda: self._builder.fit(run, step.key, batches))
        if isinstance(fitting, VersionRecord):
            return Begun(partial(self._publish, step.batch, fitting))
        complete = partial(self._complete, step.batch, fitting)
        return Begun(complete, partial(self._let_go, fitting), is_fitted=True)

    def _complete(self, batch: int, fitting: Fitting) -> str:
        def finished() -> VersionRecord:
            record = self._builder.complete(fitting)
            self._runs.end(record.run_id, "FINISHED", {TAG_NOTE: record.description}, RECORD_FILE)
            return record

        return self._publish(batch, self._attempt(fitting.run, fitting.key, fitting.batches, finished))

    def _publish(self, batch: int, record: VersionRecord) -> str:
        fault_point("train.run-ended")
        earned = self._publisher.publish(batch, record, is_new=True)
        if TAG_REASON in record.tags:
            return f"cannot be trained, and is registered as failed: {record.tags[TAG_REASON]}"
        return f"trained on {record.tags['rows']} rows, {self._kind.headline(record.metrics)}, alias {earned}"

    def _attempt(self, run: Run, key: str, batches: Sequence[SealedBatch], do: Callable[[], T]) -> T | VersionRecord:
        """Return what ``do`` returns or, where the rows cannot be trained, that as a record; ``run`` has then ended."""
        with self._ended(run):
            try:
                # Where no cause is known, but the object store does not answer, that is what failed.
                answering = partial(self._store.head, lease_key(self._series.model))
                with spark_errors(self._store.endpoint_url, answering, tuple(self._series.stream.inputs)):
                    return do()
            except DataError as error:
                record = self._builder.failed(run, key, [batch.manifest for batch in batches], str(error))
                self._runs.log_text(run.info.run_id, record.to_json(), RECORD_FILE)
                told = {TAG_ERROR: str(error), TAG_STATE: "failed", TAG_NOTE: record.description}
                self._runs.end(run.info.run_id, "FAILED", told, RECORD_FILE)
                return record

    def _give_up(self, ahead: Future[Begun], error: BaseException) -> None:
        """End what was begun ahead of a batch that came to no end: its run ends as that batch's does."""
        self._given_up = error
        while not ahead.done():
            self._builder.cancel()
            wait([ahead], _LOOK_S)
        if ahead.exception() is None:
            ahead.result().let_go()

    def _let_go(self, fitting: Fitting) -> None:
        self._end_early(fitting.run, StopError("given up"))
        # Spark may be gone by now, and with it what is to be let go.
        with suppress(Exception):
            fitting.close()

    @contextmanager
    def _ended(self, run: Run) -> Iterator[None]:
        """End ``run`` as FAILED or KILLED if the block does not come to its end, and say why."""
        try:
            yield
        except BaseException as error:
            self._end_early(run, error)
            raise

    def _end_early(self, run: Run, error: BaseException) -> None:
        # What was fitted ahead ends as the batch before it did, and is taken up again or done anew as that is.
        cause = self._given_up or error
        killed = self._stopping.is_set() or not isinstance(cause, Exception)
        status = "KILLED" if killed else "FAILED"
        said = str(cause) or type(cause).__name__
        if self._given_up is not None:
            said = f"given up with the batch before it: {said}"
        try:
            self._runs.end(run.info.run_id, status, {TAG_ERROR: said, TAG_NOTE: f"**{status.title()}**: {said}"})
        except SwatheError as second:
            logger.warning("run not ended run_id=%s reason=%s", run.info.run_id, second)


def _is_untrainable(run: Run, key: str) -> bool:
    """Whether ``run`` has found, for the same key, that the rows cannot be trained."""
    tags = run.data.tags
    return tags.get(TAG_RUN_KEY) == key and tags.get(TAG_STATE) == "failed" and TAG_ERROR in tags


def _is_to_be_tried_again(run: Run, key: str) -> bool:
    """Whether ``run`` failed for the same key, and not by its rows."""
    return run.info.status == "FAILED" and run.data.tags.get(TAG_RUN_KEY) == key and not _is_untrainable(run, key)
