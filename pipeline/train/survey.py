"""All series of a stream, and what somebody changed in each: for `status` and `doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contract import remedies
from contract.model_version import TAG_BATCH
from contract.series_commands import SeriesCommands
from contract.stream import Scheme, Stream
from pipeline.object_store import ObjectStore
from pipeline.train.edits import Edit, Registered, edits, foreign_series
from pipeline.train.ledger import Ledger, models_of
from pipeline.train.registry import RegisteredVersion, Registry
from pipeline.train.settings import TrackingSettings
from pipeline.train.tracking import TAG_MODEL, Tracking
from pipeline.train.typed import typed_commands

_SCHEMES: Final[tuple[Scheme, ...]] = ("disjoint", "cumulative")


def series_of(store: ObjectStore, stream_file: str, stream: Stream, models: Sequence[str] = ()) -> list[SeriesCommands]:
    """Return the series of ``stream``: its own two, ``models``, and those that the ledger knows."""
    found = [typed_commands(stream_file, stream, scheme, stream.registered_model(scheme)) for scheme in _SCHEMES]
    known = models_of(store, stream.name)
    for model in dict.fromkeys([*models, *known]):
        if model not in {commands.model for commands in found}:
            scheme: Scheme = "cumulative" if known.get(model) == "cumulative" else "disjoint"
            found.append(typed_commands(stream_file, stream, scheme, model))
    return found


def edits_of_runs(
    commands: SeriesCommands, versions: Mapping[int, RegisteredVersion], tracking: Tracking
) -> Iterator[Edit]:
    """Yield which of the experiment and the runs that the versions name are deleted."""
    model = commands.model
    experiment = tracking.experiment(commands.stream.name)
    if experiment is not None and experiment.is_deleted:
        back = f"{remedies.restore(model)} brings it and its runs back"
        yield Edit(f"experiment {experiment.name!r}", f"was deleted, with the runs of model {model!r}", back)
        return
    runs = tracking.runs([experiment.id], f"tags.`{TAG_MODEL}` = '{model}'") if experiment else {}
    for number, version in versions.items():
        run, name = runs.get(version.run_id), f"run {version.run_id} of version {number} of model {model!r}"
        if not version.run_id or version.tags.get(TAG_BATCH) != str(number):
            continue
        if run is None:
            yield Edit(name, "is gone for good", "the version goes on being served; a backup of MLflow's has the run")
        elif run.is_deleted:
            yield Edit(name, "was deleted", f"{remedies.restore(model)} brings it back")


def all_edits(tracking: TrackingSettings, store: ObjectStore, commands: SeriesCommands) -> list[Edit]:
    """Return all that somebody changed in the registry, and in the experiment, of one series."""
    registry = Registry(tracking, commands.model)
    try:
        registered = Registered.look(registry, Ledger(store, commands.model))
        other = foreign_series(commands, registered.versions)
        if other is not None:
            return [other]
        of_runs = edits_of_runs(commands, registered.versions, Tracking(registry))
        return [*edits(commands, registered), *of_runs]
    finally:
        registry.close()
