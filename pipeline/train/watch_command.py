"""`python -m pipeline watch`: the trainer that stays."""

from __future__ import annotations

import logging
import os
import signal
import types

import click

from console.commands import Command
from console.exit_codes import DONE
from contract.errors import StopError
from pipeline.settings import store_settings
from pipeline.train.mlflow_client.mlflow_run_parent import Launcher
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.series import FROM_FILE, FROM_STREAM, SCHEMES, open_series
from pipeline.train.settings import spark_settings, tracking_settings

logger = logging.getLogger(__name__)

_LOOK_S = 0.2
_STOP_S = 8.0


@click.command(
    cls=Command,
    examples=["--stream streams/flights.yaml", "--stream streams/flights.yaml --poll-s 5"],
    exits={DONE: "it was told to leave (Ctrl-C, SIGTERM)"},
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
@click.option("--model", default=FROM_STREAM, show_default=True, help="Registered model; default: the stream's name.")
@click.option(
    "--poll-s",
    type=click.FloatRange(min=0.1, max=3600),
    default=0.5,
    show_default=True,
    help="Seconds between two looks at the manifests.",
)
@click.option("--end-with-parent", is_flag=True, help="End when the process that started this one is gone.")
def watch(*, stream_path: str, scheme: str, model: str, poll_s: float, end_with_parent: bool) -> None:
    """Train a model version for each batch as it is sealed, until SIGTERM.

    A service that is down is waited for; what a person has to put right is said, and looked at again.
    """
    told: list[int] = []

    def note(signum: int, frame: types.FrameType | None) -> None:  # noqa: ARG001
        told.append(signum)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    launcher = Launcher() if end_with_parent else None
    tracking, stored = tracking_settings(), store_settings()
    series, spark = open_series(stream_path, scheme, model, tracking), SparkOnDemand(spark_settings(), stored)
    # After all that can be wrong with the flags. What is imported next takes as long as a JVM's start.
    spark.start()
    from pipeline.train.watch import Watch  # noqa: PLC0415

    watching = Watch(series, tracking, stored, spark, poll_s=poll_s, say=click.echo)
    watching.start()
    while not told and not (launcher and launcher.is_gone()):
        if watching.has_ended(_LOOK_S):
            watching.raise_failure()
            raise StopError("the watch ended by itself; start it again")
    reason = signal.Signals(told[0]).name if told else "its parent is gone"
    logger.warning("state=ending model=%s reason=%s", series.model, reason)
    ended = watching.stop(_STOP_S)
    if not told:
        watching.end_launcher()
    if not ended:
        # Threads that do not end would hold the process; the next start takes up what is left.
        logger.warning("state=killed model=%s", series.model)
        os._exit(0)
