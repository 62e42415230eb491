"""Runs that nobody will end any more, and versions that never became ready or failed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial

import psutil

from contract.model_version import LAUNCHES_EXPERIMENT, TAG_STATE
from contract.series_commands import SeriesCommands
from pipeline.doctor.finding import Finding
from pipeline.train.lease import Holder
from pipeline.train.mlflow_client.entities import Run
from pipeline.train.mlflow_client.experiment_runs import ExperimentRuns
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.mlflow_client.runs import TAG_OWNER

_REASON = "ended by doctor: its process is gone"


def left_running(runs: ExperimentRuns, experiment: str, older_than_s: float) -> Iterator[Finding]:
    """Yield the RUNNING runs of a stream's ``experiment`` and of the launchers whose process is gone.

    A launcher's run does not say which machine began it: it counts once it is old and no process here has it.
    """
    for run in runs.running(experiment):
        owner = _owner(run)
        if owner is not None and owner.is_dead():
            yield _finding(runs, run, f"process {owner.pid} on {owner.host} is gone")
    here = _runs_of_processes()
    for run in runs.running(LAUNCHES_EXPERIMENT):
        if run.info.run_id not in here and _age_s(run) > older_than_s:
            yield _finding(runs, run, f"begun {_age_s(run) / 3600:.1f} h ago, and no process here has it")


def _finding(runs: ExperimentRuns, run: Run, why: str) -> Finding:
    name = f"{run.info.run_id} ({run.info.run_name})"
    end = partial(runs.kill, run.info.run_id, _REASON)
    return Finding("run", name, f"RUNNING, but {why}", "end it as KILLED", end)


def unsettled_versions(commands: SeriesCommands, versions: Mapping[int, RegisteredVersion]) -> Iterator[Finding]:
    """Yield versions without a state, which the next training settles."""
    for number, version in versions.items():
        if TAG_STATE not in version.tags:
            remedy = f"{commands.train()} checks it and makes it ready"
            name = f"{commands.model} {number}"
            yield Finding("version", name, "registered, but neither ready nor failed", remedy)


def _owner(run: Run) -> Holder | None:
    try:
        return Holder(**json.loads(run.data.tags[TAG_OWNER]))
    except (KeyError, ValueError, TypeError):
        return None


def _age_s(run: Run) -> float:
    return time.time() - float(run.info.start_time) / 1000


def _runs_of_processes() -> set[str]:
    """Return the launcher runs that processes of this user were started for: MLflow tells its child by a variable."""
    found = set()
    for process in psutil.process_iter(["uids"]):
        uids = process.info["uids"]
        if uids is None or uids.real != os.getuid():
            continue
        try:
            found.add(process.environ().get("MLFLOW_RUN_ID", ""))
        except (psutil.Error, OSError):
            continue
    return found
