"""A registry of many versions is looked at in parts, and nothing that changes in any of them is missed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.model_version import TAG_RESTORING
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.integration.serving.relay import Relay, relay
from tests.tracking import Tracking, artifact

COUNT = 70
GRACE_S = 4


@pytest.fixture
def mlflow(services: dict[str, str]) -> Iterator[Relay]:
    with relay(services["MLFLOW_TRACKING_URI"]) as between:
        yield between


def test_what_changes_far_from_the_newest_is_served(services: dict[str, str], mlflow: Relay, tmp_path: Path) -> None:
    tracking = Tracking(services["MLFLOW_TRACKING_URI"])
    model = tracking.model(f"many-{uuid.uuid4().hex[:8]}")
    files = artifact()
    tracking.version(model, files)
    tracking.version(model, files, {"state": "making"})
    tracking.copies(model, 1, COUNT - 2)
    tracking.alias(model, "champion", COUNT)
    environment = {**services, "MLFLOW_TRACKING_URI": mlflow.url}
    grace = {"SWATHE_SERVING_GRACE_S": str(GRACE_S), "SWATHE_SERVING_MODELS": model}
    server = PredictionServer(environment, tmp_path, SWATHE_SERVING_POLL_S="0.2", **grace).start()
    try:
        assert list(server.versions(model)) == [1, *range(3, COUNT + 1)]
        # All that was loaded came straight from the store.
        assert [path for path in mlflow.asked() if "mlflow-artifacts" in path] == []
        _check_questions(mlflow, server, model)
        # Late, and where no look lists: the tag that makes a version ready.
        tracking.tag(model, 2, "state", "ready")
        eventually("version 2 is ready", lambda: server.versions(model).get(2, {}).get("state") == "ready", 3)
        tracking.alias(model, "champion", 5)
        eventually("the champion is version 5", lambda: server.get("/api/cluster-stats")["version"] == 5, 3)
        tracking.tag(model, 7, "gate_reason", "looked at again")
        eventually("a tag is shown", lambda: server.versions(model)[7]["gate_reason"], 2 * GRACE_S)
        tracking.delete(model, 9)
        eventually("version 9 is told to be deleted", lambda: server.versions(model)[9]["deleted"], 2 * GRACE_S)
        eventually("version 9 is gone", lambda: 9 not in server.versions(model), 2 * GRACE_S)
        _restore(tracking, model, server)
        assert server.stop() == 0
    finally:
        server.close()
        tracking.close()


def _check_questions(mlflow: Relay, server: PredictionServer, model: str) -> None:
    """Look at ten looks: each asks for the newest and the unsettled, and few for anything else."""
    asked: list[str] = []

    def ten_looks() -> bool:
        asked.extend(mlflow.asked())
        return len(asked) >= 30

    mlflow.asked()
    eventually("ten looks", ten_looks, 20)
    searches = [path for path in asked if "model-versions/search" in path]
    newest = [path for path in searches if "run_id IN" not in path and "version_number <" not in path]
    in_turn = [path for path in searches if "version_number <" in path]
    assert len(newest) >= 8 and {re.findall(r"max_results=(\d+)", path)[0] for path in newest} == {"20"}
    assert len([path for path in searches if "run_id IN" in path]) in range(len(newest) - 1, len(newest) + 2)
    assert len(in_turn) <= 2 and len(asked) <= 3 * len(newest) + 4


def _restore(tracking: Tracking, model: str, server: PredictionServer) -> None:
    """Make the model again, as a restore does: what was served goes on, and what is another one then is served."""
    before = server.versions(model)
    tracking.delete(model)
    tracking.model(model, again=True)
    tracking.model_tag(model, TAG_RESTORING, "begun")
    tracking.version(model, artifact(2))
    eventually("version 1 is another one", lambda: server.versions(model)[1]["run_id"] != before[1]["run_id"], 5)
    assert server.versions(model).keys() == before.keys()
    tracking.copies(model, 1, COUNT - 1)
    tracking.alias(model, "champion", 5)
    tracking.model_tag(model, TAG_RESTORING, None)
    run = server.versions(model)[1]["run_id"]
    eventually("all are", lambda: {each["run_id"] for each in server.versions(model).values()} == {run}, 10)
    assert server.get("/api/cluster-stats")["version"] == 5


@pytest.mark.parametrize("told", ["s3://there-is-none", "s3://mlflow/elsewhere", ""])
def test_what_is_not_in_the_store_is_asked_of_the_tracking_server(
    told: str, services: dict[str, str], mlflow: Relay, tmp_path: Path
) -> None:
    tracking = Tracking(services["MLFLOW_TRACKING_URI"])
    model = tracking.model(f"elsewhere-{uuid.uuid4().hex[:8]}")
    tracking.version(model, artifact())
    environment = {**services, "MLFLOW_TRACKING_URI": mlflow.url, "SWATHE_SERVING_ARTIFACTS": told}
    server = PredictionServer(environment, tmp_path, SWATHE_SERVING_MODELS=model).start()
    try:
        assert server.versions(model)[1]["state"] == "ready"
        assert len([path for path in mlflow.asked() if "mlflow-artifacts" in path]) == 4
        assert ("artifact not read from the store" in server.said()) == bool(told)
        assert server.stop() == 0
    finally:
        server.close()
        tracking.close()
