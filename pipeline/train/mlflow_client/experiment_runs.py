"""Runs of an experiment as they are found, whoever began them: nothing is created by looking."""

from __future__ import annotations

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from pipeline.train.mlflow_client.limits import RUNS_PER_PAGE
from pipeline.train.mlflow_client.runs import TAG_ERROR, mlflow_errors
from pipeline.train.settings import TrackingSettings


class ExperimentRuns:
    """The runs of the tracking server's experiments, by the experiment's name."""

    def __init__(self, settings: TrackingSettings) -> None:
        self._uri, self._client = settings.uri, MlflowClient(settings.uri)

    def running(self, experiment: str) -> list[Run]:
        """Return the runs that have not ended."""
        return self._search(experiment, "attributes.status = 'RUNNING'")

    def statuses(self, experiment: str) -> dict[str, str]:
        """Return the status of each run, by its id."""
        return {run.info.run_id: run.info.status for run in self._search(experiment, "")}

    def kill(self, run_id: str, reason: str) -> None:
        """End a run as KILLED."""
        with mlflow_errors(self._uri):
            self._client.set_tag(run_id, TAG_ERROR, reason)
            self._client.set_terminated(run_id, "KILLED")

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
