"""Once and in order, whatever is killed, repeated, edited or run at the same time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pyarrow as pa
import pytest

from contract.batch import Manifest, manifest_key
from contract.errors import RetryError, StopError
from contract.model_version import results_manifest_key
from pipeline.train.lease import Lease
from tests.integration.train.conftest import Lab, batch

# In the order in which a batch passes them. The second passage of one is that of the batch that is fitted ahead, or of
# the one after the batch that the run before left unfinished: each time two batches are under way.
POINTS = [
    "train.run-created:1",
    "train.run-created:2",
    "train.fitted:2",
    "train.results-written:1",
    "train.uploaded:2",
    "train.run-ended:1",
    "train.version-created:2",
]


def test_killed_at_any_point_versions_are_1_to_n_in_order(lab: Lab) -> None:
    lab.land(*[batch(400 + number, number) for number in range(len(POINTS))])
    settled = 0
    for point in POINTS:
        code, said = lab.train(SWATHE_FAULT=point)
        assert code == -signal.SIGKILL, (point, said)
        numbers = [number for number, state in lab.states() if state]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= settled, (point, said)
        settled = len(numbers)
    code, said = lab.train()
    assert code == 0, said
    versions = lab.versions()
    assert lab.states() == [(number, "ready") for number in range(1, len(POINTS) + 1)]
    assert [versions[n].tags["rows"] for n in versions] == [str(400 + n) for n in range(len(POINTS))]
    for number, version in versions.items():
        assert version.tags["results"] == results_manifest_key(lab.name, version.run_id)
        assert lab.results(number)[0].rows == int(version.tags["rows"])
    runs = lab.runs()
    finished = [run["info"]["run_id"] for run in runs if run["info"]["status"] == "FINISHED"]
    assert sorted(finished) == sorted(version.run_id for version in versions.values())
    # All others were left by a kill, and taken for dead by whoever trained the batch next.
    killed = [run for run in runs if run["info"]["status"] == "KILLED"]
    assert len(killed) == len(runs) - len(finished) >= 5
    for run in killed:
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        assert tags["swathe.superseded_by"] in {other["info"]["run_id"] for other in runs}


def test_sigterm_ends_the_run_as_killed_and_gives_the_lease_back(lab: Lab) -> None:
    lab.land(batch(400, 1))
    process = lab.start()
    deadline = time.monotonic() + 120
    while not _has_run(lab):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert [run["info"]["status"] for run in lab.runs()] == ["KILLED"] and lab.versions() == {}
    with Lease(lab.store, lab.name, wait_s=0):
        pass


def _has_run(lab: Lab) -> bool:
    try:
        return bool(lab.runs())
    except Exception:
        return False


def test_two_trainers_make_each_version_once(lab: Lab) -> None:
    lab.land(batch(400, 1), batch(401, 2))
    said: list[tuple[int, str]] = []
    both = [threading.Thread(target=lambda: said.append(lab.train())) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [code for code, _ in said] == [0, 0], said
    assert lab.states() == [(1, "ready"), (2, "ready")]
    assert [run["info"]["status"] for run in lab.runs()] == ["FINISHED", "FINISHED"]


def test_a_trainer_that_may_not_wait_leaves_with_the_holders_name(lab: Lab) -> None:
    lab.land(batch(400, 1))
    with Lease(lab.store, lab.name, wait_s=0):
        code, said = lab.train("--wait-s", "0")
    assert code == 1 and f"model '{lab.name}' is being trained by process" in said, said
    assert f"`mlflow run . --env-manager local -P stream={lab.file} -P wait_s=600` waits longer" in said, said
    assert lab.versions() == {}


def test_a_waiting_trainer_says_so_once_of_each_holder(lab: Lab) -> None:
    lab.store.ensure_bucket()
    said: list[str] = []
    paused = 0

    def pause(seconds: float) -> None:
        nonlocal paused
        paused += 1
        if paused == 5:
            # Another one is quicker.
            first.__exit__(None, None, None)
            second.__enter__()
        time.sleep(0.01)

    first, second = (Lease(lab.store, lab.name, wait_s=0) for _ in range(2))
    with (
        first,
        pytest.raises(RetryError, match="is being trained by process"),
        Lease(lab.store, lab.name, wait_s=1, on_wait=said.append, pause=pause),
    ):
        pass
    second.__exit__(None, None, None)
    assert paused > 10 and len(said) == 2, said


def test_an_unchanged_lease_is_stolen_and_its_holder_may_not_register(lab: Lab) -> None:
    lab.store.ensure_bucket()
    # Renewed so seldom that it looks abandoned.
    with Lease(lab.store, lab.name, wait_s=0, renew_s=3600) as slow:
        with pytest.raises(RetryError), Lease(lab.store, lab.name, wait_s=0, ttl_s=0.5):
            pass
        with Lease(lab.store, lab.name, wait_s=30, ttl_s=0.5) as thief:
            with pytest.raises(StopError, match="taken by another trainer"):
                slow.check()
            thief.check()
    # The one that lost it did not give the thief's away.
    with Lease(lab.store, lab.name, wait_s=0) as free:
        free.check()


def test_a_batch_out_of_turn_is_refused_and_in_turn_is_trained(lab: Lab) -> None:
    lab.land(batch(400, 1), batch(400, 2))
    code, said = lab.train("--batch", "2")
    assert code == 1 and "before batch 1 has its version" in said, said
    code, said = lab.train("--batch", "3")
    assert code == 1 and "there are 2 batches" in said, said
    code, said = lab.train("--batch", "1")
    assert code == 0 and lab.states() == [(1, "ready")], said


@pytest.fixture
def registered(lab: Lab) -> Callable[[dict[str, str]], Lab]:
    """Put a version that Swathe did not make into the registry."""

    def register(tags: dict[str, str]) -> Lab:
        lab.land(batch(400, 1), batch(400, 2))
        with lab.registry() as registry:
            registry.ensure_model("")
            registry.create_version(source="s3://nowhere/else", run_id="", model_id=None, tags=tags, description="")
        return lab

    return register


def test_a_foreign_version_is_reported(registered: Callable[[dict[str, str]], Lab]) -> None:
    lab = registered({})
    code, said = lab.train()
    assert code == 1 and "was not made by Swathe or was edited" in said, said
    assert f"`mlflow run . --env-manager local -P stream={lab.file} -P model={lab.name}-2 -P batch=all`" in said


def test_a_deleted_version_is_reported(lab: Lab) -> None:
    lab.land(batch(400, 1), batch(400, 2), batch(400, 3))
    with lab.registry() as registry:
        registry.ensure_model("")
        for number in (1, 2):
            registry.create_version(
                source="s3://nowhere/else",
                run_id="",
                model_id=None,
                tags={"batch": str(number), "state": "failed", "reason": "test"},
                description="",
            )
    lab.delete_version(1)
    code, said = lab.train()
    assert code == 1 and f"version 1 of model '{lab.name}' is gone: the registry was edited" in said, said


@pytest.mark.long
def test_a_number_that_was_burnt_makes_an_orphan_that_is_reported(lab: Lab) -> None:
    """The registry counts deleted versions: nobody can see before that the next number is not the batch's."""
    lab.land(batch(400, 1), batch(400, 2))
    with lab.registry() as registry:
        registry.ensure_model("")
        registry.create_version(source="s3://nowhere/else", run_id="", model_id=None, tags={}, description="")
    lab.delete_version(1)
    code, said = lab.train()
    assert code == 1 and "gave number 2 to batch 1" in said, said
    assert lab.states() == [(2, "orphan")]
    code, said = lab.train()
    assert code == 1 and "version 2" in said and "orphan" in said, said
    code, said = lab.pipeline("restore", lab.name)
    assert code == 0 and lab.states() == [(1, "ready")], said
    code, said = lab.train()
    assert code == 0 and lab.states() == [(1, "ready"), (2, "ready")], said


@pytest.mark.long
def test_rows_cut_by_others_do_not_change_a_number(lab: Lab) -> None:
    """A manifest that appears while nothing runs is the next version, and the ones before stay what they are."""
    rows = [batch(400, 1), batch(400, 2)]
    manifests: list[Manifest] = lab.land(*rows)
    second = manifest_key(lab.name, manifests[1].batch)
    body = lab.store.get(second)
    assert body is not None
    lab.store.delete(second)
    assert lab.train()[0] == 0 and lab.states() == [(1, "ready")]
    first_run = lab.versions()[1].run_id
    lab.store.put(second, body[0])
    assert lab.train()[0] == 0 and lab.states() == [(1, "ready"), (2, "ready")]
    assert lab.versions()[1].run_id == first_run
    assert pa.concat_tables(rows).num_rows == 800
