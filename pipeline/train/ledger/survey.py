"""All series of a stream, and what somebody changed in each: for `status` and `doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from contract import remedies
from contract.errors import ChainError
from contract.model_version import TAG_BATCH
from contract.sections import Scheme
from contract.series_commands import SeriesCommands
from contract.stream import Stream
from pipeline.object_store import ObjectStore
from pipeline.train.ledger.edits import Edit, Registered, edits, foreign_series
from pipeline.train.ledger.ledger import Ledger, models_of
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.mlflow_client.tracking import Tracking
from pipeline.train.settings import TrackingSettings
from pipeline.train.typed import typed_commands

_SCHEMES: Final[tuple[Scheme, ...]] = ("disjoint", "cumulative")


def series_of(
    store: ObjectStore, stream_file: str, stream: Stream, models: Sequence[str] = ()
) -> tuple[list[SeriesCommands], list[ChainError]]:
    """Return the series of ``stream``: its own two, ``models``, and those that the ledger knows.

    And what of the ledger cannot be read, each object by its name.
    """
    found = [typed_commands(stream_file, stream, scheme, stream.registered_model(scheme)) for scheme in _SCHEMES]
    known, unreadable = models_of(store, stream.name)
    for model in dict.fromkeys([*models, *known]):
        if model not in {commands.model for commands in found}:
            scheme: Scheme = "cumulative" if known.get(model) == "cumulative" else "disjoint"
            found.append(typed_commands(stream_file, stream, scheme, model))
    return found, unreadable


def edits_of_runs(
    commands: SeriesCommands, registered: Registered, tracking: Tracking, *, deleted_only: bool = False
) -> Iterator[Edit]:
    """Yield which of the experiment and the runs that the versions name are deleted.

    With ``deleted_only`` nothing is said of runs that are gone for good: all that are left would have to be read.
    """
    model, name = commands.model, commands.stream.name
    experiment = tracking.experiment(name)
    if experiment is None:
        runs = {}
    elif experiment.is_deleted:
        # The same words for each series of the stream, so that it is told once; nothing where there is none yet.
        if registered.versions or registered.noted.numbers or tracking.has_runs([experiment.id], model):
            back = f"{remedies.restore(name)} brings it and its runs back"
            yield Edit(f"experiment {name!r}", "was deleted, with the runs of its series", back)
        return
    else:
        runs = tracking.runs(experiment.id, model, deleted_only=deleted_only)
    for number, version in registered.versions.items():
        run, called = runs.get(version.run_id), f"run {version.run_id} of version {number} of model {model!r}"
        if not version.run_id or version.tags.get(TAG_BATCH) != str(number):
            continue
        if run is not None and run.is_deleted:
            yield Edit(called, "was deleted", f"{remedies.restore(model)} brings it back")
        elif run is None and not deleted_only:
            yield Edit(called, "is gone for good", "the version goes on being served; a backup of MLflow's has the run")


def all_edits(
    tracking: TrackingSettings, store: ObjectStore, series: Sequence[SeriesCommands], *, deleted_only: bool = False
) -> list[Edit]:
    """Return all that somebody changed in the registry, and in the experiment, of ``series``; each once."""
    found = [edit for commands in series for edit in _edits_of(tracking, store, commands, deleted_only=deleted_only)]
    return list(dict.fromkeys(found))


def _edits_of(
    tracking: TrackingSettings, store: ObjectStore, commands: SeriesCommands, *, deleted_only: bool
) -> list[Edit]:
    registry = Registry(tracking, commands.model)
    try:
        registered = Registered.look(registry, Ledger(store, commands.model))
        other = foreign_series(commands, registered.versions)
        if other is not None:
            return [other]
        of_runs = edits_of_runs(commands, registered, Tracking(registry), deleted_only=deleted_only)
        return [*edits(commands, registered), *of_runs]
    finally:
        registry.close()
