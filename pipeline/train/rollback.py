"""`python -m pipeline rollback`: what `mlflow run . -e rollback` runs."""

from __future__ import annotations

import click

from console.commands import Command
from contract.errors import ChainError
from pipeline.object_store import ObjectStore
from pipeline.settings import store_settings
from pipeline.train.lease import Lease
from pipeline.train.ledger.edits import Registered, edits
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.mlflow_client.aliases import is_unsettled, promote, roll_back
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.series import FROM_FILE, FROM_STREAM, SCHEMES, open_series
from pipeline.train.settings import tracking_settings


@click.command(cls=Command, examples=["--stream streams/flights.yaml", "--model flights-again"])
@click.option(
    "--stream", "stream_path", metavar="PATH", default="streams/flights.yaml", show_default=True, help="Stream file."
)
@click.option("--scheme", type=click.Choice(SCHEMES), default=FROM_FILE, show_default=True, help="Names the model.")
@click.option("--model", default=FROM_STREAM, show_default=True, help="Registered model; default: the stream's name.")
@click.option(
    "--wait-s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for a trainer of the model.",
)
def rollback(*, stream_path: str, scheme: str, model: str, wait_s: float) -> None:
    """Make the previous champion the champion again; what was rolled back is never promoted by itself."""
    tracking, stored = tracking_settings(), store_settings()
    series = open_series(stream_path, scheme, model, tracking)
    registry, store = Registry(tracking, series.model), ObjectStore.answering(stored)
    ledger = Ledger(store, series.model)
    try:
        with Lease(store, series.model, wait_s=wait_s):
            edited = list(edits(series.commands, Registered.look(registry, ledger)))
            if any(edit.is_unfinished for edit in edited):
                raise ChainError(str(edited[0]))
            for version in registry.versions().values():
                # A trainer that was killed may have left aliases half moved.
                if is_unsettled(version):
                    promote(registry, version)
            champion, rolled_back = roll_back(registry)
            if not edited:
                ledger.note(registry)
    finally:
        registry.close()
    click.echo(f"{series.model}: version {champion} is champion, version {rolled_back} is previous and rolled back")
