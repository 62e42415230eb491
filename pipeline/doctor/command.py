"""`python -m pipeline doctor`."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import sys
from collections.abc import Iterator

import click

from console.commands import Command
from console.exit_codes import DONE, FAILED
from console.progress import step
from contract import remedies
from contract.errors import ChainError, ConfigurationError, SwatheError
from contract.series_commands import SeriesCommands
from contract.stream import Stream
from contract.units import seconds
from pipeline.doctor.finding import Examination, Finding
from pipeline.object_store import ObjectStore
from pipeline.settings import store_settings
from pipeline.stream_file import load_stream
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.ledger.survey import all_edits, series_of
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry
from pipeline.train.settings import TrackingSettings, tracking_settings

logger = logging.getLogger(__name__)


@click.command(
    cls=Command,
    examples=[
        "--stream streams/flights.yaml",
        "--stream streams/flights.yaml --json",
        "--stream streams/flights.yaml --older-than 1d --fix",
    ],
    exits={DONE: "what is left is listed, or was put away", FAILED: "something could not be asked or put away"},
)
@click.option(
    "--stream", "stream_path", metavar="PATH", default="streams/flights.yaml", show_default=True, help="Stream file."
)
@click.option("--model", "models", multiple=True, help="Registered model beside the stream's own two. Repeatable.")
@click.option(
    "--older-than",
    default="1h",
    show_default=True,
    help="Leave alone what is younger, where nothing else tells whether it is still in the making.",
)
@click.option("--fix", is_flag=True, help="Do what is listed; without this, nothing is changed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
def doctor(*, stream_path: str, models: tuple[str, ...], older_than: str, fix: bool, as_json: bool) -> None:
    """List what killed processes have left, and with --fix put it away."""
    try:
        older_than_s = seconds(older_than)
    except ValueError as error:
        raise ConfigurationError(f"--older-than: {error}") from error
    stream = load_stream(stream_path)
    tracking, store = tracking_settings(), ObjectStore.answering(store_settings())
    series, unreadable = series_of(store, stream_path, stream, models)
    with step(f"doctor {stream.name}", unit="findings") as shown:
        found = [*map(_unreadable, unreadable)]
        for finding in _look(series, stream, tracking, store, older_than_s):
            found.append(finding)
            shown.advance()
    for finding in () if as_json else found:
        click.echo(f"{finding.kind} {finding.name}: {finding.why} → {finding.remedy}")
    # MLflow's client prints the address of each run that it ends, where the one document is to be.
    with contextlib.redirect_stdout(sys.stderr):
        examination = Examination(stream.name, found, [finding for finding in found if fix and _put_away(finding)])
    if as_json:
        click.echo(json.dumps(examination.as_json(), indent=1))
    elif fix:
        click.echo(f"{len(examination.put_away)} of {len(found)} things put away")
    else:
        fixes = examination.fixes
        hint = f"; {remedies.doctor_fix(stream_path, models, older_than)} does what is listed" if fixes else ""
        click.echo(f"{len(found)} things found, {len(fixes)} of them can be put away here{hint}")
    sys.exit(FAILED if fix and len(examination.put_away) < len(examination.fixes) else DONE)


def _look(
    series: list[SeriesCommands],
    stream: Stream,
    tracking: TrackingSettings,
    store: ObjectStore,
    older_than_s: float,
) -> Iterator[Finding]:
    # mlflow takes seconds to import, which a wrong flag should not cost.
    from pipeline.doctor.machine import left_directories, stale_environments  # noqa: PLC0415
    from pipeline.doctor.objects import orphaned_rejects, orphaned_results  # noqa: PLC0415
    from pipeline.doctor.runs import left_running, unsettled_versions  # noqa: PLC0415
    from pipeline.train.mlflow_client.experiment_runs import ExperimentRuns  # noqa: PLC0415

    versions = {commands.model: _versions(tracking, commands.model) for commands in series}
    runs = ExperimentRuns(tracking)
    yield from left_running(runs, stream.name, older_than_s)
    statuses = runs.statuses(stream.name)
    for edit in all_edits(tracking, store, series):
        yield Finding("series", edit.name, edit.why, edit.remedy)
    for commands in series:
        model, known = commands.model, versions[commands.model]
        yield from unsettled_versions(commands, known)
        try:
            # What can be restored is not to lose its results.
            named = [*Ledger(store, model).versions().values(), *known.values()]
        except ChainError as error:
            yield _unreadable(error)
            continue
        yield from orphaned_results(store, model, named, statuses, older_than_s)
    yield from orphaned_rejects(store, stream.name, older_than_s)
    yield from itertools.chain(stale_environments(older_than_s), left_directories(older_than_s))


def _unreadable(error: ChainError) -> Finding:
    why = "nothing is known from it, and no results of its model are put away"
    return Finding("ledger", str(error), why, "the release that wrote it reads it; else put a copy back, or remove it")


def _versions(tracking: TrackingSettings, model: str) -> dict[int, RegisteredVersion]:
    registry = Registry(tracking, model)
    try:
        return registry.versions()
    finally:
        registry.close()


def _put_away(finding: Finding) -> bool:
    if finding.fix is None:
        return False
    try:
        finding.fix()
    except (SwatheError, OSError) as error:
        click.echo(f"not put away: {finding.kind} {finding.name}: {error}", err=True)
        return False
    logger.info("put away kind=%s name=%s", finding.kind, finding.name)
    return True
