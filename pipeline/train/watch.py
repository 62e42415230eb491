"""A trainer that stays: Spark is kept warm, and each new manifest becomes a version."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

import psutil
import tenacity

from console import library_log
from contract.errors import RetryError, StopError, SwatheError
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from pipeline.train.assemble import open_trainer
from pipeline.train.lease import Lease
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.ledger.registrations import Registrations
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.mlflow_client.runs import end_launcher_run
from pipeline.train.publish.plan import PENDING, Action, Step, plan
from pipeline.train.read.batches import SealedBatch, sealed_batches
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.series import Series
from pipeline.train.settings import TrackingSettings

logger = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 30.0
_GRACE_S: Final = 0.5
_LOOK_S: Final = 0.05


class _StoppedError(Exception):
    """The watch was told to stop while it waited for another trainer."""


class Watch:
    """Trains the batches of one series as they are sealed. ``say`` is told what became of each."""

    def __init__(
        self,
        series: Series,
        tracking: TrackingSettings,
        stored: StoreSettings,
        spark: SparkOnDemand,
        *,
        poll_s: float,
        say: Callable[[str], None],
    ) -> None:
        self._series, self._tracking, self._poll_s, self._say = series, tracking, poll_s, say
        self._store = ObjectStore(stored)
        self._registry = Registry(tracking, series.model)
        self._registrations = Registrations(self._registry, Ledger(self._store, series.model))
        self._spark, self._stop = spark, threading.Event()
        self._known: tuple[SealedBatch, ...] = ()
        self._settled: int | None = None
        self._said = ""
        self._failure: BaseException | None = None
        self._follower = threading.Thread(target=self._follow, name=f"watch-{series.model}", daemon=True)

    def start(self) -> None:
        """Begin to watch, in a thread: the main thread is left to hear signals."""
        self._follower.start()

    def has_ended(self, within_s: float) -> bool:
        """Wait ``within_s`` seconds at most; return whether it ended by itself, which only a fault makes it do."""
        self._follower.join(within_s)
        return not self._follower.is_alive()

    def stop(self, within_s: float) -> bool:
        """Give up what is being trained, which the next start does again; return False if that took too long."""
        self._stop.set()
        # A JVM that works, or still starts, is ended: whatever waits for its answer then fails, and ends its run.
        at_rest = self._is_at_rest(_GRACE_S)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            if at_rest:
                break
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(child)
            at_rest = self._is_at_rest((within_s - _GRACE_S) / 2)
        if not at_rest:
            return False
        self._spark.close()
        self._registry.close()
        return True

    def _is_at_rest(self, within_s: float) -> bool:
        """Wait until nothing is trained and Spark does not start, ``within_s`` seconds at most."""
        deadline = time.monotonic() + within_s
        while not self.has_ended(_LOOK_S) or self._spark.is_starting():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        return True

    def end_launcher(self) -> None:
        """End the run of `mlflow run`: whoever began it is gone, and cannot."""
        if self._series.launcher_run_id is None:
            return
        try:
            end_launcher_run(self._tracking.uri, self._series.launcher_run_id)
        except SwatheError as error:
            logger.warning("launcher run not ended run_id=%s reason=%s", self._series.launcher_run_id, error)

    def raise_failure(self) -> None:
        """Raise what ended the watch, if anything did."""
        if self._failure is not None:
            raise self._failure

    def _follow(self) -> None:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._may_pass),
            wait=tenacity.wait_exponential_jitter(initial=1.0, max=LONGEST_WAIT_S, jitter=0.5),
            stop=tenacity.stop_when_event_set(self._stop),
            sleep=tenacity.sleep_using_event(self._stop),
            before_sleep=self._say_waiting,
            reraise=True,
        )
        try:
            while not self._stop.is_set():
                retrying(self._look)
                self._stop.wait(self._poll_s)
        except BaseException as error:
            if not self._stop.is_set():
                self._failure = error

    def _may_pass(self, error: BaseException) -> bool:
        """A service comes back, and what a person has to put right is put right; a dead JVM stays dead."""
        return isinstance(error, RetryError | StopError) and not self._spark.has_died()

    def _say_waiting(self, state: tenacity.RetryCallState) -> None:
        """Say what is waited for, once: looked at it is again and again, for days where nobody puts it right."""
        error = state.outcome.exception() if state.outcome else None
        sleep_s = state.next_action.sleep if state.next_action else 0.0
        kind = "down" if isinstance(error, RetryError) else "stopped"
        level = logging.INFO if str(error) == self._said else logging.WARNING
        logger.log(
            level, "state=%s model=%s retry_s=%.1f log=%s reason=%s",
            kind, self._series.model, sleep_s, library_log.where() or "-", error,
        )  # fmt: skip
        self._said = str(error)
        self._registrations.forget()

    def _look(self) -> None:
        """Look for new manifests, which costs one listing, and train what has no version."""
        self._known = sealed_batches(self._store, self._series.stream.name, known=self._known)
        if len(self._known) == self._settled:
            return
        # As it is now: what an error says of the stream file is put right there, while this runs.
        self._series = self._series.read_again()
        if any(step.is_work for step in self._plan()):
            # Waited for before anything is begun: a JVM that still starts cannot be told to stop.
            self._spark.session()
            self._work()
        if self._stop.is_set():
            return
        logger.warning("state=waiting model=%s batches=%d", self._series.model, len(self._known))
        self._said = ""
        self._settled = len(self._known)

    def _plan(self) -> list[Step]:
        keys = self._series.keys(self._known)
        return plan(self._series.commands, keys, self._registrations.now(), PENDING)

    def _work(self) -> None:
        # Waited for without an end, so that each holder is told of once.
        with Lease(
            self._store, self._series.model, wait_s=math.inf, on_wait=logger.warning, pause=self._pause
        ) as lease:
            # Looked at again: whoever held the lease before may have done some of it.
            steps = [step for step in self._plan() if step.is_work]
            wanted = [step.batch for step in steps if step.action is Action.TRAIN]
            self._series.refuse_changed_types(self._store, self._known, wanted)
            first = steps[0].batch if steps else 0
            logger.warning("state=training model=%s batch=%d count=%d", self._series.model, first, len(steps))
            series = self._series
            trainer = open_trainer(
                series,
                store=self._store,
                tracking=self._tracking,
                registry=self._registry,
                registrations=self._registrations,
                lease=lease,
                spark=self._spark,
                stopping=self._stop,
            )
            with closing(trainer.take(steps, self._known)) as outcomes:
                for outcome in outcomes:
                    self._say(f"{series.model} version {outcome.batch}: {outcome.said} ({outcome.seconds:.1f} s)")
                    if self._stop.is_set():
                        return

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StoppedError
