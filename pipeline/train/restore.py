"""`python -m pipeline restore MODEL`: a series whose registry was edited becomes what it was."""

from __future__ import annotations

from typing import Final

import click

from console.commands import Command
from console.progress import put_line, step
from contract.errors import ConfigurationError
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings, store_settings
from pipeline.train.lease import Lease
from pipeline.train.ledger.ledger import PREFIX, Ledger
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.mlflow_client.tracking import Tracking
from pipeline.train.series import is_model_name
from pipeline.train.settings import TrackingSettings, tracking_settings

_SHOWN: Final = 20


@click.command(cls=Command, examples=["flights", "flights --wait-s 60"])
@click.argument("model")
@click.option(
    "--wait-s",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for a trainer of the model.",
)
def restore(*, model: str, wait_s: float) -> None:
    """Make MODEL whole again whose versions, runs or experiment somebody deleted: the same numbers for the same runs.

    All is checked first; what cannot be brought back is named, and nothing is changed then.
    """
    if not is_model_name(model):
        raise ConfigurationError(f"{model} is no model name: letters, digits, `-` and `_`, 80 at most")
    tracking, stored = tracking_settings(), store_settings()
    _restore(model, tracking, stored, wait_s)


def _restore(model: str, tracking: TrackingSettings, stored: StoreSettings, wait_s: float) -> None:
    # After all that can be wrong with the flags: it imports mlflow.
    from pipeline.train.ledger.restoring import open_restorer  # noqa: PLC0415

    store, registry = ObjectStore.answering(stored), Registry(tracking, model)
    try:
        _refuse_unknown(store, registry)
        with Lease(store, model, wait_s=wait_s) as lease:
            done = False
            with step(f"restore {model}", unit="versions checked or made") as shown:
                restorer = open_restorer(registry, Ledger(store, model), tracking, lease, shown.advance)
                for said in restorer.restore():
                    put_line(f"{model}: {said}")
                    done = True
    finally:
        registry.close()
    if not done:
        click.echo(f"{model}: nothing to restore")


def _refuse_unknown(store: ObjectStore, registry: Registry) -> None:
    """Refuse a name of which neither registry, ledger, a run nor a deleted experiment knows: a slip of the pen."""
    model, tracking = registry.model, Tracking(registry)
    known = {*registry.models(), *store.list_folders(PREFIX)}
    if model in known:
        return
    experiments = tracking.experiments()
    if model in {each.name for each in experiments if each.is_deleted} or tracking.has_runs(
        [each.id for each in experiments], model
    ):
        return
    shown = [*sorted(known)[:_SHOWN], *([f"and {len(known) - _SHOWN} more"] if len(known) > _SHOWN else [])]
    raise ConfigurationError(f"nothing is known of a model {model!r}; there are {', '.join(shown) or 'none yet'}")
