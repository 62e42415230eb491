"""Experiments, runs and logged models over the tracking server's REST API: what of a series is deleted, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.train.mlflow_client.limits import RUNS_PER_PAGE
from pipeline.train.mlflow_client.registry import Registry

TAG_MODEL: Final = "swathe.model"
"""Tag of a run: the registered model that it trains a version of."""
TAG_VERSIONS: Final = "mlflow.modelVersions"
"""MLflow's own tag of a logged model: JSON of the names and numbers under which it was registered."""
_PAGE: Final = 1_000


@dataclass(frozen=True)
class Experiment:
    """An experiment; a deleted one is there until MLflow's garbage collection."""

    id: str
    name: str
    is_deleted: bool


@dataclass(frozen=True)
class TrackedRun:
    """A run; a deleted one is there until MLflow's garbage collection."""

    id: str
    status: str
    artifact_uri: str
    is_deleted: bool
    tags: Mapping[str, str]


class Tracking:
    """What the tracking server has beside the registry. Errors are those of :class:`Registry`."""

    def __init__(self, registry: Registry) -> None:
        self._call = registry.call

    def experiment(self, name: str) -> Experiment | None:
        """Return the experiment, deleted or not, or None where there is none."""
        found = self._call("GET", "experiments/get-by-name", {"experiment_name": name}, absent_ok=True)
        return _experiment(found["experiment"]) if found else None

    def experiments(self) -> list[Experiment]:
        """Return all experiments, deleted ones too."""
        fields = {"view_type": "ALL", "max_results": _PAGE}
        return [_experiment(each) for each in self._pages("experiments/search", fields, "experiments")]

    def restore_experiment(self, experiment: Experiment) -> None:
        """Bring a deleted experiment back, and with it all its runs."""
        self._call("POST", "experiments/restore", {"experiment_id": experiment.id})

    def runs(self, experiment: str, model: str, *, deleted_only: bool = False) -> dict[str, TrackedRun]:
        """Return the runs of registered model ``model``, deleted ones too, by id, oldest first."""
        fields = _search([experiment], model, "DELETED_ONLY" if deleted_only else "ALL")
        fields |= {"max_results": RUNS_PER_PAGE, "order_by": ["attributes.start_time ASC"]}
        found = [_run(each) for each in self._pages("runs/search", fields, "runs")]
        return {run.id: run for run in found}

    def has_runs(self, experiments: Sequence[str], model: str) -> bool:
        """Return whether there is a run of registered model ``model``, deleted or not."""
        fields = {**_search(experiments, model, "ALL"), "max_results": 1}
        return bool(self._call("POST", "runs/search", fields).get("runs"))

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self._call("POST", "runs/restore", {"run_id": run_id})

    def has_logged_model(self, model_id: str) -> bool:
        """Return whether the logged model is there; a deleted one cannot be brought back."""
        return bool(self._call("GET", f"logged-models/{model_id}", {}, absent_ok=True))

    def registered_as(self, model_id: str, name: str) -> list[int]:
        """Return the numbers under which the logged model was registered as ``name``."""
        found = self._call("GET", f"logged-models/{model_id}", {}, absent_ok=True)
        tags = found.get("model", {}).get("info", {}).get("tags", [])
        noted = next((tag["value"] for tag in tags if tag["key"] == TAG_VERSIONS), "[]")
        return numbers_in(noted, name)

    def _pages(self, path: str, fields: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self._call("POST", path, {**fields, "page_token": token})
            found += answer.get(key, [])
            token = answer.get("next_page_token", "")
            if not token:
                return found


def numbers_in(noted: str, name: str) -> list[int]:
    """Return the numbers of model ``name`` in ``noted``, the value of ``TAG_VERSIONS``."""
    try:
        return [int(each["version"]) for each in json.loads(noted) if each["name"] == name]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return []


def _search(experiments: Sequence[str], model: str, view: str) -> dict[str, Any]:
    where = f"tags.`{TAG_MODEL}` = '{model}'"
    return {"experiment_ids": list(experiments), "filter": where, "run_view_type": view}


def _experiment(fields: Mapping[str, Any]) -> Experiment:
    return Experiment(fields["experiment_id"], fields["name"], fields["lifecycle_stage"] == "deleted")


def _run(fields: Mapping[str, Any]) -> TrackedRun:
    told = fields["info"]
    tags = {tag["key"]: tag["value"] for tag in fields["data"].get("tags", [])}
    return TrackedRun(told["run_id"], told["status"], told["artifact_uri"], told["lifecycle_stage"] == "deleted", tags)
