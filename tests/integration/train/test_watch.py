"""The trainer that stays: manifests become versions, and no way of ending it loses or doubles one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from contract.batch import manifest_key
from contract.model_version import LAUNCHES_EXPERIMENT
from tests.integration.serving.relay import relay
from tests.integration.train.conftest import ROOT, Lab, batch

END_S = 10.0
# How long a version takes is not what is tested here, and the machine may be busy.
READY_S = 480.0


def until(condition: Callable[[], bool], process: subprocess.Popen[str], within_s: float = READY_S) -> None:
    """Wait until ``condition`` holds while ``process`` lives."""
    deadline = time.monotonic() + within_s
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"it did not happen in time, or before the end: {process.communicate()[0]}")
        time.sleep(0.2)


def hear(process: subprocess.Popen[str], *words: str) -> None:
    """Read what ``process`` says until one of its lines has all ``words``."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if all(word in line for word in words):
            return
    raise AssertionError(f"it ended without saying {words!r}: {''.join(said)}")


@contextmanager
def watching(lab: Lab, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m pipeline watch` for the length of the block."""
    with lab.start("--poll-s", "0.2", command="watch", **more) as process:
        try:
            yield process
        finally:
            process.kill()


def terminate(process: subprocess.Popen[str]) -> str:
    """Send SIGTERM; check that it ends cleanly and in time, and leaves no JVM; return what it said."""
    family = psutil.Process(process.pid).children(recursive=True)
    begin = time.monotonic()
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in said, said
    assert time.monotonic() - begin < END_S, said
    _, left = psutil.wait_procs(family, timeout=END_S)
    assert left == [], left
    return said


def test_a_new_manifest_becomes_a_version_and_sigterm_ends_it(lab: Lab) -> None:
    lab.land(batch(400, 1), batch(400, 2))
    seal_second = lab.withhold(2)
    with watching(lab) as process:
        until(lambda: lab.states() == [(1, "ready")], process)
        seal_second()
        until(lambda: lab.states() == [(1, "ready"), (2, "ready")], process)
        said = terminate(process)
    assert f"{lab.name} version 2: trained on 400 rows" in said
    assert "state=waiting" in said and "state=ending" in said
    code, said = lab.train()
    assert code == 0 and "nothing to do" in said, said


@pytest.mark.long
def test_sigterm_while_it_trains_gives_the_batch_up_for_the_next_start(lab: Lab) -> None:
    lab.land(batch(40_000, 1), batch(400, 2))
    with watching(lab) as process:
        until(lambda: bool(lab.started_runs()), process)
        terminate(process)
    assert [run["info"]["status"] for run in lab.runs()] == ["KILLED"] and lab.versions() == {}
    with watching(lab) as process:
        until(lambda: lab.states() == [(1, "ready"), (2, "ready")], process)
        terminate(process)


@pytest.mark.long
@pytest.mark.parametrize("point", ["train.fitted:2", "train.run-ended:2", "train.version-created:2"])
def test_killed_and_started_again_versions_are_in_order(lab: Lab, point: str) -> None:
    lab.land(batch(400, 1), batch(401, 2), batch(402, 3))
    with watching(lab, SWATHE_FAULT=point) as process:
        assert process.wait(READY_S) == -signal.SIGKILL
    made = [number for number, state in lab.states() if state]
    # The second is fitted while the first is completed, which then may have come to its end or not.
    assert made == [1] or (point == "train.fitted:2" and made == [])
    with watching(lab) as process:
        until(lambda: [state for _, state in lab.states()] == ["ready"] * 3, process)
        terminate(process)
    assert [version.tags["rows"] for version in lab.versions().values()] == ["400", "401", "402"]
    assert all(run["info"]["status"] != "RUNNING" for run in lab.runs())


@pytest.mark.long
def test_a_service_that_is_down_is_waited_for(lab: Lab) -> None:
    lab.land(batch(400, 1), batch(400, 2))
    seal_second = lab.withhold(2)
    with (
        relay(lab.services["MLFLOW_TRACKING_URI"]) as mlflow,
        relay(lab.services["AWS_ENDPOINT_URL_S3"]) as minio,
    ):
        mlflow.down()
        with watching(lab, MLFLOW_TRACKING_URI=mlflow.url, AWS_ENDPOINT_URL_S3=minio.url) as process:
            hear(process, "state=down", f"mlflow does not answer at {mlflow.url}")
            mlflow.up()
            until(lambda: lab.states() == [(1, "ready")], process)
            minio.down()
            hear(process, "state=down", f"minio does not answer at {minio.url}")
            seal_second()
            minio.up()
            until(lambda: lab.states() == [(1, "ready"), (2, "ready")], process)
            terminate(process)


@pytest.mark.long
def test_what_a_person_has_to_put_right_is_said_and_looked_at_again(lab: Lab) -> None:
    [manifest] = lab.land(batch(400, 1))
    part = manifest.parts[0].key
    body = lab.store.get(part)
    assert body is not None
    lab.store.delete(part)
    with watching(lab) as process:
        hear(process, "state=stopped", f"batch 1 names {part}")
        # It looks again after some 1 and 2 s: nothing is left behind, and it is said once.
        time.sleep(5)
        assert lab.started_runs() == [] and lab.versions() == {}
        lab.store.put(part, body[0])
        until(lambda: lab.states() == [(1, "ready")], process)
        said = terminate(process)
    assert "state=stopped" not in said and [run["info"]["status"] for run in lab.runs()] == ["FINISHED"]


@pytest.mark.long
def test_a_fault_that_stays_is_one_run_however_often_it_is_tried(lab: Lab) -> None:
    """A part that is what its manifest says, and which Spark cannot read."""
    [manifest] = lab.land(batch(400, 1), parts=1, lanes=1)
    part, key = manifest.parts[0], manifest_key(lab.name, 1)
    whole, sealed = lab.store.get(part.key), lab.store.get(key)
    assert whole is not None and sealed is not None
    # Neither size nor ETag tell, nor the footer: only the pages are spoilt.
    body = whole[0]
    pages = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    spoilt = body[:4] + bytes(reversed(body[4:pages])) + body[pages:]
    etag = lab.store.put(part.key, spoilt)
    lab.store.put(key, sealed[0].replace(part.etag.encode(), etag.encode()))

    def attempts() -> list[str]:
        return [
            tag["value"] for run in lab.started_runs() for tag in run["data"]["tags"] if tag["key"] == "swathe.attempts"
        ]

    with watching(lab) as process:
        until(lambda: attempts() not in ([], ["2"]), process)
        assert len(lab.runs()) == 1
        process.terminate()
        process.communicate(timeout=60)
    lab.store.put(part.key, whole[0])
    lab.store.put(key, sealed[0])
    code, said = lab.train()
    assert code == 0 and lab.states() == [(1, "ready")], said


@pytest.mark.long
def test_it_ends_when_mlflow_run_is_gone(lab: Lab, tmp_path: Path) -> None:
    """`mlflow run` does not pass a signal on, and cannot when it is killed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    launcher = subprocess.Popen(
        ["mlflow", "run", str(ROOT), "-e", "watch", "--env-manager", "local", "-P", f"stream={lab.file}"],
        cwd=tmp_path,
        env={**os.environ, **lab.services, "PATH": path, "MLFLOW_EXPERIMENT_NAME": LAUNCHES_EXPERIMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def family() -> list[psutil.Process]:
        return psutil.Process(launcher.pid).children(recursive=True)

    until(lambda: any(process.name() == "java" for process in family()), launcher)
    children = family()
    launcher.kill()
    launcher.wait()
    _, left = psutil.wait_procs(children, timeout=END_S)
    assert launcher.stdout is not None
    launcher.stdout.close()
    assert left == [], left
    assert [run["info"]["status"] for run in lab.launcher_runs()] == ["KILLED"]


def test_a_misspelt_flag_is_named_before_spark_is_imported(lab: Lab) -> None:
    process = lab.start("--poll-s", "soon", command="watch")
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0 and "soon" in said and "Traceback" not in said, said
