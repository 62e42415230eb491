"""`python -m pipeline train`: what `mlflow run .` runs."""

from __future__ import annotations

import os
import signal
import types
from typing import TYPE_CHECKING, Never

import click

from contract.errors import ConfigurationError
from contract.stream import Scheme
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings, store_settings
from pipeline.stream_file import load_stream
from pipeline.train.batches import sealed_batches
from pipeline.train.lease import Lease
from pipeline.train.plan import Action, Step, parse_selection, plan
from pipeline.train.registry import Registry
from pipeline.train.series import Series
from pipeline.train.settings import TrackingSettings, spark_settings, tracking_settings

if TYPE_CHECKING:
    from pipeline.train.batches import SealedBatch

FROM_FILE = "from-file"
FROM_STREAM = "from-stream"


@click.command()
@click.option("--stream", "stream_path", default="streams/flights.yaml", show_default=True, help="Stream file.")
@click.option(
    "--scheme",
    type=click.Choice(["disjoint", "cumulative", FROM_FILE]),
    default=FROM_FILE,
    show_default=True,
    help="Batch i alone, or batches 1 to i; default: what the stream file says.",
)
@click.option("--batch", default="pending", show_default=True, help="`pending`, `all`, or a number.")
@click.option("--model", default=FROM_STREAM, show_default=True, help="Registered model; default: the stream's name.")
@click.option("--wait-s", default=600.0, show_default=True, help="Seconds to wait for another trainer of the model.")
def train(*, stream_path: str, scheme: str, batch: str, model: str, wait_s: float) -> None:
    """Train a model version for each batch that has none."""
    signal.signal(signal.SIGTERM, _terminated)
    selection = parse_selection(batch)
    tracking, stored = tracking_settings(), store_settings()
    series = _series(stream_path, scheme, model, tracking)
    store = ObjectStore(stored)
    registry = Registry(tracking, series.model)
    batches = sealed_batches(store, series.stream.name)
    steps = plan(series.model, series.keys(batches), registry.versions(), selection)
    if not any(_is_work(step) for step in steps):
        _say_nothing_to_do(series, steps, batches)
        return
    with Lease(store, series.model, wait_s=wait_s, on_wait=click.echo) as lease:
        # Looked at again: whoever held the lease before may have done some of it.
        steps = plan(series.model, series.keys(batches), registry.versions(), selection)
        _work(series, store, stored, tracking, registry, lease, steps, batches)


def _is_work(step: Step) -> bool:
    return step.action in {Action.TRAIN, Action.FINISH}


def _terminated(signum: int, frame: types.FrameType | None) -> Never:  # noqa: ARG001
    raise SystemExit(128 + signum)


def _series(stream_path: str, scheme: str, model: str, tracking: TrackingSettings) -> Series:
    stream = load_stream(stream_path)
    chosen: Scheme = stream.model.scheme if scheme == FROM_FILE else "cumulative" if scheme == "cumulative" else "disjoint"
    name = stream.registered_model(chosen) if model == FROM_STREAM else model
    if not name.replace("-", "").isalnum() or len(name) > 80:
        raise ConfigurationError(f"model={name} is no model name: letters, digits and `-`, 80 at most")
    # The launcher's run is its own; adopting it would put this run into the launcher's experiment.
    launcher = os.environ.pop("MLFLOW_RUN_ID", None)
    for variable in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(variable, None)
    serving = os.environ.get("SWATHE_SERVING_URL", "http://127.0.0.1:18000")
    return Series(stream, chosen, name, tracking.uri.rstrip("/"), serving, launcher)


def _say_nothing_to_do(series: Series, steps: list[Step], batches: tuple[SealedBatch, ...]) -> None:
    for step in steps:
        if step.action is Action.LEAVE:
            click.echo(f"{series.model} version {step.batch}: {step.action.value}")
    click.echo(f"{series.model}: nothing to do, {len(batches)} batches have their versions")


def _work(
    series: Series,
    store: ObjectStore,
    stored: StoreSettings,
    tracking: TrackingSettings,
    registry: Registry,
    lease: Lease,
    steps: list[Step],
    batches: tuple[SealedBatch, ...],
) -> None:
    # Imported here, beside the start of the JVM: nothing-to-do does without either.
    from pipeline.train.session import SparkOnDemand  # noqa: PLC0415

    spark = SparkOnDemand(spark_settings(), stored)
    if any(step.action is Action.TRAIN for step in steps):
        spark.start()
    try:
        from pipeline.train.open import open_trainer  # noqa: PLC0415

        registry.ensure_model(f"Batches of stream {series.stream.name}, {series.scheme}: version i is batch i.")
        trainer = open_trainer(series, store, tracking, registry, lease, spark)
        for outcome in trainer.take(steps, batches):
            click.echo(f"{series.model} version {outcome.batch}: {outcome.said} ({outcome.seconds:.1f} s)")
    finally:
        spark.close()
