"""`mlflow run` as people type it: launcher runs apart from batch runs, and an exit code that tells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.model_version import LAUNCHES_EXPERIMENT
from tests.integration.train.conftest import ROOT, Lab, batch

NOISE = re.compile(
    r"incubator|native-hadoop|netlib|log4j|default log level|does not exist\. Creating|alembic|Unsafe|restricted|"
    r"=== |\[Stage|pip version|\bWARN|\bINFO\b",
    re.IGNORECASE,
)


def mlflow_run(
    lab: Lab, directory: Path, *parameters: str, entry: str = "main", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the project's ``entry`` from ``directory``, as a shell that sourced `infra env` does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    flags = [word for parameter in (f"stream={lab.file}", *parameters) for word in ("-P", parameter)]
    return subprocess.run(
        ["mlflow", "run", str(ROOT), "-e", entry, "--env-manager", "local", *flags],
        cwd=directory,
        env={**os.environ, **lab.services, "PATH": path, "MLFLOW_EXPERIMENT_NAME": LAUNCHES_EXPERIMENT, **more},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.long
def test_the_project_trains_from_another_directory_and_keeps_its_launches_apart(lab: Lab, tmp_path: Path) -> None:
    lab.land(batch(400, 1), batch(400, 2))
    logs = {"SWATHE_LOGS": str(tmp_path / "logs")}
    done = mlflow_run(lab, tmp_path, **logs)
    assert done.returncode == 0, done.stderr
    # What is no news to a person is in the log files, and of it a person sees nothing.
    said = done.stdout + done.stderr
    assert not NOISE.search(said), said
    assert "incubator" in (tmp_path / "logs" / "train-libraries.log").read_text()
    assert "=== Running command" in (tmp_path / "logs" / "mlflow-run-libraries.log").read_text()
    assert lab.states() == [(1, "ready"), (2, "ready")]
    [launch] = lab.launcher_runs()
    assert launch["info"]["status"] == "FINISHED"
    runs = lab.runs()
    assert [run["info"]["run_name"] for run in runs] == [f"{lab.name}-batch-1", f"{lab.name}-batch-2"]
    tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in runs]
    assert {each["swathe.launcher_run_id"] for each in tags} == {launch["info"]["run_id"]}
    done = mlflow_run(lab, tmp_path, entry="rollback")
    assert done.returncode == 0 and "version 1 is champion, version 2 is previous" in done.stdout, done.stderr
    with lab.registry() as registry:
        assert registry.aliases() == {"champion": 1, "previous": 2}


def test_what_fails_is_told_by_the_exit_code_and_the_launchers_run(lab: Lab, tmp_path: Path) -> None:
    manifests = lab.land(batch(400, 1))
    lab.store.delete(manifests[0].parts[0].key)
    done = mlflow_run(lab, tmp_path, "batch=1")
    assert done.returncode != 0 and manifests[0].parts[0].key in done.stderr + done.stdout
    assert "=== Run" in done.stderr and "failed ===" in done.stderr and "=== Running command" not in done.stderr
    assert [run["info"]["status"] for run in lab.launcher_runs()] == ["FAILED"]
    # The parts are looked at before anything is begun.
    assert lab.started_runs() == [] and lab.versions() == {}


def test_a_tracking_server_that_is_down_is_told_within_seconds(lab: Lab, tmp_path: Path) -> None:
    begin = time.monotonic()
    done = mlflow_run(lab, tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0 and "mlflow does not answer at http://127.0.0.1:9" in said and "infra up" in said
    assert time.monotonic() - begin < 15


def test_without_a_tracking_server_no_database_is_made(lab: Lab, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    done = mlflow_run(lab, here, MLFLOW_TRACKING_URI="127.0.0.1:5000")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: MLFLOW_TRACKING_URI=127.0.0.1:5000 is no http(s)")
    done = mlflow_run(lab, here, MLFLOW_TRACKING_URI="")
    assert done.returncode == 1 and "MLFLOW_TRACKING_URI is not set" in done.stderr
    assert list(here.iterdir()) == []
