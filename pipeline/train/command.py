"""`python -m pipeline train`: what `mlflow run .` runs."""

from __future__ import annotations

import signal
import types
from contextlib import closing
from typing import Never

import click

from console import progress
from console.commands import Command
from console.exit_codes import DONE, TERMINATED
from console.progress import put_line
from contract.errors import ChainError
from pipeline.landed_types import LandedTypes
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings, store_settings
from pipeline.train.earlier_columns import EarlierColumns
from pipeline.train.lease import Lease
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.ledger.registrations import Registrations
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.publish.plan import Action, Step, parse_selection, plan
from pipeline.train.read.batches import SealedBatch, sealed_batches
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.series import FROM_FILE, FROM_STREAM, SCHEMES, Series, open_series
from pipeline.train.settings import TrackingSettings, spark_settings, tracking_settings


@click.command(
    cls=Command,
    examples=[
        "--stream streams/flights.yaml",
        "--stream streams/flights.yaml --scheme cumulative",
        "--stream streams/flights.yaml --batch 2 --model flights-again",
    ],
    exits={
        DONE: "each batch has its version, if only as failed because its rows cannot be trained",
        TERMINATED: "ended by SIGTERM; the run ends as KILLED, and the next training does it again",
    },
)
@click.option(
    "--stream", "stream_path", metavar="PATH", default="streams/flights.yaml", show_default=True, help="Stream file."
)
@click.option(
    "--scheme",
    type=click.Choice(SCHEMES),
    default=FROM_FILE,
    show_default=True,
    help="Batch i alone, or batches 1 to i; default: what the stream file says.",
)
@click.option("--batch", default="pending", show_default=True, help="`pending`, `all`, or a number.")
@click.option("--model", default=FROM_STREAM, show_default=True, help="Registered model; default: the stream's name.")
@click.option(
    "--wait-s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for another trainer of the model.",
)
def train(*, stream_path: str, scheme: str, batch: str, model: str, wait_s: float) -> None:
    """Train a model version for each batch that has none."""
    signal.signal(signal.SIGTERM, terminated)
    selection = parse_selection(batch)
    tracking, stored = tracking_settings(), store_settings()
    command = TrainCommand(open_series(stream_path, scheme, model, tracking), tracking, stored, selection)
    try:
        steps, batches = command.plan()
    except ChainError:
        if not command.is_restoring():
            raise
        # Whoever restores the model holds its lease: waited for, and then looked at again.
        command.work(wait_s)
        return
    if any(step.is_work for step in steps):
        command.work(wait_s, trains=any(step.action is Action.TRAIN for step in steps))
    else:
        command.say_nothing_to_do(steps, batches)


def terminated(signum: int, frame: types.FrameType | None) -> Never:  # noqa: ARG001
    """End by SIGTERM as by an exit: what is open is closed, and the run ends as KILLED."""
    raise SystemExit(128 + signum)


class TrainCommand:
    """One invocation: what is planned, and the services it works with."""

    def __init__(self, series: Series, tracking: TrackingSettings, stored: StoreSettings, selection: str | int) -> None:
        self._series, self._tracking, self._stored, self._selection = series, tracking, stored, selection
        self._store = ObjectStore.answering(stored)
        self._registry = Registry(tracking, series.model)
        self._ledger = Ledger(self._store, series.model)
        self._registrations = Registrations(self._registry, self._ledger)
        self._landed = LandedTypes(self._store)

    def plan(self) -> tuple[list[Step], tuple[SealedBatch, ...]]:
        """Return what each batch needs, and the batches; Spark is not needed for that."""
        batches = sealed_batches(self._store, self._series.stream.name)
        keys = self._series.keys(batches)
        registered = self._registrations.all()
        earlier = EarlierColumns(self._series, self._landed, batches)
        return plan(self._series.commands, keys, registered, self._selection, earlier), batches

    def is_restoring(self) -> bool:
        """Whether a restore of the model was begun and has not ended."""
        return self._ledger.noted().restoring

    def say_nothing_to_do(self, steps: list[Step], batches: tuple[SealedBatch, ...]) -> None:
        """Say that there is nothing to do, and which versions were trained otherwise."""
        for step in steps:
            if step.action in {Action.LEAVE, Action.EARLIER}:
                click.echo(f"{self._series.model} version {step.batch}: {step.said}")
        click.echo(f"{self._series.model}: nothing to do, {len(batches)} batches have their versions")

    def work(self, wait_s: float, *, trains: bool = False) -> None:
        """Do what is planned, while no other trainer works on the model; ``trains``: Spark is likely to be needed."""
        spark = SparkOnDemand(spark_settings(), self._stored, archives=True)
        try:
            longer = self._series.commands.train_waiting(max(600.0, 2 * wait_s))
            with Lease(self._store, self._series.model, wait_s=wait_s, longer=longer) as lease:
                if trains:
                    spark.start()
                # Looked at again: whoever held the lease before may have done some of it.
                steps, batches = self.plan()
                if not any(step.is_work for step in steps):
                    self.say_nothing_to_do(steps, batches)
                    return
                wanted = [step.batch for step in steps if step.action is Action.TRAIN]
                self._series.refuse_changed_types(self._store, batches, wanted)
                if wanted:
                    spark.start()
                self._take(steps, batches, lease, spark)
            spark.archive_classes()
        finally:
            spark.close()

    def _take(self, steps: list[Step], batches: tuple[SealedBatch, ...], lease: Lease, spark: SparkOnDemand) -> None:
        series, wanted = self._series, [step for step in steps if step.is_work]
        with progress.step(f"train {series.model}", total=len(wanted), unit="versions") as shown:
            shown.say("starting Spark")
            # Imported while the JVM starts; nothing-to-do does without mlflow and pyspark.
            from pipeline.train.assemble import open_trainer  # noqa: PLC0415

            trainer = open_trainer(
                series, store=self._store, tracking=self._tracking, registry=self._registry,
                registrations=self._registrations, lease=lease, spark=spark, told=shown.say,
            )  # fmt: skip
            with closing(trainer.take(steps, batches)) as outcomes:
                for outcome in outcomes:
                    put_line(f"{series.model} version {outcome.batch}: {outcome.said} ({outcome.seconds:.1f} s)")
                    shown.reach(sum(step.batch <= outcome.batch for step in wanted))
