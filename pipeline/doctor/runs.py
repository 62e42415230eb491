"""Runs that nobody will end any more, and versions that never became ready or failed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial

import mlflow
import psutil
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from contract.model_version import LAUNCHES_EXPERIMENT, TAG_STATE
from contract.series_commands import SeriesCommands
from pipeline.doctor.finding import Finding
from pipeline.train.lease import Holder
from pipeline.train.mlflow_client.limits import RUNS_PER_PAGE
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.mlflow_client.runs import TAG_ERROR, TAG_OWNER, mlflow_errors
from pipeline.train.settings import TrackingSettings

_REASON = "ended by doctor: its process is gone"


class RunStore:
    """The runs of one stream's experiment and of the launchers; nothing is created by looking."""

    def __init__(self, settings: TrackingSettings, experiment: str) -> None:
        self._uri, self._experiment = settings.uri, experiment
        mlflow.set_tracking_uri(settings.uri)
        self._client = MlflowClient(settings.uri)

    def left_running(self, older_than_s: float) -> Iterator[Finding]:
        """Yield the RUNNING runs whose process is gone.

        A launcher's run does not say which machine began it: it counts once it is old and no process here has it.
        """
        for run in self._running(self._experiment):
            owner = _owner(run)
            if owner is not None and owner.is_dead():
                yield self._finding(run, f"process {owner.pid} on {owner.host} is gone")
        here = _runs_of_processes()
        for run in self._running(LAUNCHES_EXPERIMENT):
            if run.info.run_id not in here and _age_s(run) > older_than_s:
                yield self._finding(run, f"begun {_age_s(run) / 3600:.1f} h ago, and no process here has it")

    def statuses(self) -> dict[str, str]:
        """Return the status of each run of the stream, by its id."""
        return {run.info.run_id: run.info.status for run in self._search(self._experiment, "")}

    def _running(self, experiment: str) -> list[Run]:
        return self._search(experiment, "attributes.status = 'RUNNING'")

    def _search(self, experiment: str, where: str) -> list[Run]:
        with mlflow_errors(self._uri):
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                return []
            runs: list[Run] = []
            token: str | None = None
            while True:
                page = self._client.search_runs(
                    [found.experiment_id], where, max_results=RUNS_PER_PAGE, page_token=token
                )
                runs += page
                token = page.token
                if not token:
                    return runs

    def _finding(self, run: Run, why: str) -> Finding:
        name = f"{run.info.run_id} ({run.info.run_name})"
        return Finding("run", name, f"RUNNING, but {why}", "end it as KILLED", partial(self._end, run.info.run_id))

    def _end(self, run_id: str) -> None:
        with mlflow_errors(self._uri):
            self._client.set_tag(run_id, TAG_ERROR, _REASON)
            self._client.set_terminated(run_id, "KILLED")


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
