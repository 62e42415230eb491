"""A registry that was edited: told by name, and made whole again under the same numbers, or left as it is."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from contract.errors import ChainError
from pipeline.__main__ import main
from pipeline.train.lease import Lease, lease_key
from pipeline.train.ledger.ledger import KnownSeries, RestorePlan
from pipeline.train.mlflow_client.runs import Runs
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.train.conftest import Lab, batch
from tests.integration.train.published import Published

REASON = "a feature is constant"
GRACE_S = 1.0
POINTS = [
    "restore.planned",
    "restore.marked",
    "restore.deleted",
    "restore.model-created",
    "restore.version-created",
    "restore.version-created:2",
    "restore.aliases-set",
    "restore.unmarked",
]


def typed(*arguments: str) -> str:
    """Run `python -m pipeline` in this process; return what it said, its error included."""
    done = CliRunner().invoke(main, arguments)
    return f"{done.output}{done.exception or ''}"


@pytest.fixture
def published(lab: Lab, services_environment: dict[str, str]) -> Published:
    """Four versions, of which the second failed; the fourth was rolled back, a person tagged the first."""
    series = Published(lab)
    series.publish("ready", REASON, "ready", "ready")
    assert "version 4 is previous and rolled back" in typed("rollback", "--stream", str(lab.file))
    series.client.set_model_version_tag(lab.name, "1", "owner", "somebody")
    series.client.set_registered_model_tag(lab.name, "team", "clusters")
    # Longer than what is shortened when a version is made.
    series.client.update_model_version(lab.name, "3", "x" * 6_000)
    return series


def test_whatever_was_deleted_is_named_and_comes_back_as_it_was(published: Published) -> None:
    lab, client = published.lab, published.client
    before = published.shown()
    assert before[0] is not None and before[0].aliases == {"champion": 3, "previous": 4}
    client.delete_model_version(lab.name, "4")
    told = f"version 4 of model '{lab.name}' is gone: the registry was edited; `python -m pipeline restore {lab.name}`"
    code, said = lab.train()
    assert code == 1 and told in said, said
    said = typed("status", "--stream", str(lab.file))
    assert told in said, said
    said = typed("doctor", "--stream", str(lab.file))
    assert f"series version 4 of model '{lab.name}': is gone: the registry was edited → `python" in said, said
    code, said = published.restore()
    assert code == 0 and "versions 1, 2, 3, 4 are there again" in said, said
    assert published.shown() == before
    # A slip of the pen is no series, and leaves nothing behind.
    said = typed("restore", f"{lab.name}-no")
    assert f"nothing is known of a model '{lab.name}-no'; there are " in said and lab.name in said, said
    assert lab.store.get(lease_key(f"{lab.name}-no")) is None
    assert "--wait-s stands 2 times" in typed("restore", lab.name, "--wait-s", "1", "--wait-s", "2")
    # One in the middle that is champion.
    client.delete_model_version(lab.name, "3")
    assert published.edits() == [f"version 3 of model '{lab.name}' is gone"]
    published.restored()
    assert published.shown() == before and published.edits() == []
    # The whole model, and with it what people wrote after the last restore.
    client.set_model_version_tag(lab.name, "1", "late", "lost")
    client.delete_registered_model(lab.name)
    assert published.edits() == [f"model '{lab.name}' has none of its 4 versions any more"]
    published.restored()
    assert published.shown() == before
    assert published.restored() == []


def test_a_series_without_a_ledger_comes_back_from_registry_and_runs(published: Published) -> None:
    lab, client = published.lab, published.client
    _, before = published.shown()
    published.forget_ledger()
    client.delete_model_version(lab.name, "2")
    assert published.edits() == [f"version 2 of model '{lab.name}' is gone"]
    published.restored()
    _, versions = published.shown()
    assert {n: v for n, v in versions.items() if n != 2} == {n: v for n, v in before.items() if n != 2}
    assert versions[2].run_id == before[2].run_id and versions[2].tags["reason"] == REASON
    assert versions[2].tags["state"] == "failed"
    # A deleted last version leaves no trace in the registry; its logged model knows that it was one.
    published.forget_ledger()
    client.delete_model_version(lab.name, "4")
    with pytest.raises(ChainError, match=r"version 4 of model .* is gone: the registry was edited"):
        published.publish_again(4)
    assert list(published.shown()[1]) == [1, 2, 3]
    published.restored()
    model, versions = published.shown()
    assert versions[4].run_id == before[4].run_id and versions[4].tags["gate"] == "champion"
    # That it was rolled back is forgotten with the tag, so it is champion again.
    assert model is not None and model.aliases == {"champion": 4, "previous": 3}
    published.forget_ledger()
    client.delete_registered_model(lab.name)
    published.restored()
    model, versions = published.shown()
    assert model is not None and model.aliases == {"champion": 4, "previous": 3}
    assert [version.run_id for version in versions.values()] == [version.run_id for version in before.values()]
    assert {n: v.tags["state"] for n, v in versions.items()} == {1: "ready", 2: "failed", 3: "ready", 4: "ready"}


def test_an_earlier_series_of_the_same_name_is_left_in_peace(published: Published) -> None:
    lab, earlier = published.lab, published.shown()[1]
    published.client.delete_registered_model(lab.name)
    published.forget_ledger()
    published.publish("ready", "ready")
    before = published.shown()
    assert published.edits() == [] and published.restored() == []
    assert published.shown() == before
    # Nor without a ledger: their runs are older than those of the versions that are there.
    published.forget_ledger()
    assert published.restored() == [] and published.shown() == before
    published.client.delete_model_version(lab.name, "2")
    published.forget_ledger()
    published.restored()
    runs = [version.run_id for version in published.shown()[1].values()]
    assert runs == [version.run_id for version in before[1].values()]
    assert not {*runs} & {version.run_id for version in earlier.values()}


def test_a_version_that_was_deleted_before_the_ledger_had_it_comes_back(published: Published) -> None:
    lab, before = published.lab, published.shown()
    lab.store.delete(f"_series/{lab.name}/versions/00000004.json")
    published.client.delete_model_version(lab.name, "4")
    assert published.edits() == []
    with pytest.raises(ChainError, match=r"version 4 of model .* is gone"):
        published.publish_again(4)
    assert published.edits() == [f"version 4 of model '{lab.name}' is gone"]
    published.restored()
    assert [v.run_id for v in published.shown()[1].values()] == [v.run_id for v in before[1].values()]


def test_what_is_changed_while_a_restore_is_prepared_is_not_lost(published: Published) -> None:
    lab, before = published.lab, published.shown()
    published.client.delete_model_version(lab.name, "2")
    assert published.restore(SWATHE_FAULT="restore.marked")[0] == -signal.SIGKILL
    published.client.set_model_version_tag(lab.name, "1", "late", "kept")
    with pytest.raises(ChainError, match="was changed in the registry while its restore was prepared"):
        published.restored()
    assert published.ledger.restore_plan() is None and list(published.shown()[1]) == [1, 3, 4]
    published.restored()
    model, versions = published.shown()
    assert versions[1].tags == {**before[1][1].tags, "late": "kept"}
    assert (model, {**versions, 1: before[1][1]}) == before


def test_a_training_waits_for_a_restore(published: Published) -> None:
    lab = published.lab
    lab.land(batch(50, 1), batch(50, 2), batch(50, 3), batch(50, 4))
    model, versions = published.shown()
    assert model is not None
    series = KnownSeries(lab.name, "disjoint", "", {}, model.aliases)
    with Lease(lab.store, lab.name, wait_s=0):
        published.ledger.begin_restore(RestorePlan("t", series, tuple(versions.values()), (), ""))
        process = lab.start("--wait-s", "60")
        told = process.stdout.readline() if process.stdout else ""
        assert "waiting for process" in told, told
        published.ledger.end_restore()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "4 batches have their versions" in said, said


def test_one_object_of_the_ledger_that_cannot_be_read_ends_neither_status_nor_doctor(published: Published) -> None:
    lab, key = published.lab, f"_series/{published.lab.name}-other/series.json"
    lab.store.put(key, b'{"format": 2}')
    own = f"_series/{lab.name}/versions/00000001.json"
    lab.store.put(own, b"not JSON")
    published.client.delete_model_version(lab.name, "4")
    try:
        said = typed("doctor", "--stream", str(lab.file))
        assert f"ledger {key} in bucket" in said and f"ledger {own} in bucket" in said, said
        assert f"version 4 of model '{lab.name}'" in said, said
        said = typed("status", "--stream", str(lab.file))
        assert f"edited: {key} in bucket" in said and f"version 4 of model '{lab.name}' is gone" in said, said
    finally:
        lab.store.delete(key)


def test_an_experiment_of_a_stream_that_has_no_such_series_yet_comes_back(published: Published) -> None:
    lab = published.lab
    published.delete_experiment()
    told = f"experiment '{lab.name}' was deleted"
    for command in ("status", "doctor"):
        said = typed(command, "--stream", str(lab.file))
        assert said.replace(":", "").count(told) == 1, said
    for model in (f"{lab.name}-cumulative", f"{lab.name}-new"):
        with pytest.raises(ChainError, match=f"`python -m pipeline restore {lab.name}` brings it back"):
            Runs(lab.tracking, lab.name, model).of_batch(1)
    assert published.restored() == [f"experiment '{lab.name}' and its runs are back"]
    # Where the series that has the experiment's name was never begun, too.
    name = f"{lab.name}-alone"
    published.client.delete_experiment(published.client.create_experiment(name))
    assert typed("restore", name) == f"{name}: experiment '{name}' and its runs are back\n"


def test_a_deleted_experiment_and_a_deleted_run_come_back(published: Published) -> None:
    lab, before = published.lab, published.shown()
    runs = {number: version.run_id for number, version in before[1].items()}
    published.client.delete_run(runs[2])
    assert published.edits() == [f"run {runs[2]} of version 2 of model '{lab.name}' was deleted"]
    assert f"edited: run {runs[2]} of version 2" in typed("status", "--stream", str(lab.file))
    assert published.restored() == [f"run {runs[2]} of version 2 is back"]
    assert published.stage(runs[2]) == "active"
    published.client.delete_model_version(lab.name, "3")
    published.delete_experiment()
    assert published.edits()[-1] == f"experiment '{lab.name}' was deleted, with the runs of its series"
    with pytest.raises(ChainError, match=f"experiment '{lab.name}'.*was deleted; `python -m pipeline restore"):
        published.publish("ready")
    assert published.restored()[0] == f"experiment '{lab.name}' and its runs are back"
    assert {published.stage(run) for run in runs.values()} == {"active"}
    assert published.shown() == before and published.edits() == []


@pytest.mark.parametrize("deleted", [False, True])
def test_an_orphan_becomes_the_version_that_it_should_have_been(published: Published, deleted: bool) -> None:
    lab, before = published.lab, published.shown()
    published.forget_ledger()
    with lab.registry() as registry:
        fourth = before[1][4]
        published.client.delete_model_version(lab.name, "4")
        tags = {key: fourth.tags[key] for key in fourth.tags if key not in {"state", "aliased", "rolled_back"}}
        number = registry.create_version(
            source=fourth.source,
            run_id=fourth.run_id,
            model_id=fourth.source.removeprefix("models:/"),
            tags={**tags, "state": "orphan"},
            description="x",
        )
    assert number == 5
    if deleted:
        # Then nothing shows it, but what MLflow notes in its logged model.
        published.client.delete_model_version(lab.name, "5")
        with pytest.raises(ChainError, match=r"version 4 of model .* is gone"):
            published.publish_again(4)
    else:
        told = f"version 5 of model '{lab.name}' is an orphan: it was registered late for batch 4"
        assert published.edits() == [told]
    published.restored()
    model, versions = published.shown()
    assert list(versions) == [1, 2, 3, 4] and versions[4].run_id == fourth.run_id
    assert versions[4].tags["state"] == "ready" and model is not None and model.aliases["champion"] == 4
    published.publish("ready")
    assert list(published.shown()[1]) == [1, 2, 3, 4, 5]


def test_edited_tags_are_put_right_without_making_the_model_again(published: Published) -> None:
    lab, before = published.lab, published.shown()
    published.client.set_model_version_tag(lab.name, "3", "batch", "7")
    published.client.set_model_version_tag(lab.name, "3", "owner", "stays")
    assert published.edits() == [f"version 3 of model '{lab.name}' carries batch=7: its tags were edited"]
    published.client.set_model_version_tag(lab.name, "3", "kind", "als")
    [edit] = published.edits()
    assert "is a series of kind 'als'" in edit
    assert published.restored() == ["version 3 has its tags again: kind, batch"]
    assert published.shown()[1][3].tags == {**before[1][3].tags, "owner": "stays"}


def _logged_model_gone(published: Published) -> str:
    source = published.shown()[1][1].source.removeprefix("models:/")
    published.client.delete_logged_model(source)
    return f"version 1: its logged model {source} is gone"


def _artifact_altered(published: Published) -> str:
    path = published.artifact_path(1)
    address = f"{published.lab.tracking.uri}/api/2.0/mlflow-artifacts/artifacts/{path}/swathe/scoring.json"
    httpx.put(address, content=b"{}").raise_for_status()
    return "reads back altered in swathe/scoring.json"


def _foreign_version(published: Published) -> str:
    published.client.create_model_version(published.lab.name, "s3://nowhere/else")
    return "version 5 was not made by Swathe"


@pytest.mark.parametrize("spoil", [_logged_model_gone, _artifact_altered, _foreign_version])
def test_what_cannot_be_restored_is_named_and_nothing_is_changed(
    published: Published, spoil: Callable[[Published], str]
) -> None:
    said = spoil(published)
    published.client.delete_model_version(published.lab.name, "3")
    before = published.shown()
    with pytest.raises(ChainError, match="cannot be restored as it was, and was not changed") as refused:
        published.restored()
    assert said in str(refused.value)
    assert published.shown() == before
    assert published.ledger.restore_plan() is None


@contextmanager
def asked_throughout(published: Published, *paths: str) -> Iterator[None]:
    """Serve the series and ask ``paths`` for predictions all the time: each answers, and always from one version."""
    lab, answers = published.lab, {path: set[tuple[int, str]]() for path in paths}
    server = PredictionServer(
        lab.services, lab.directory, SWATHE_SERVING_MODELS=lab.name, SWATHE_SERVING_GRACE_S=str(GRACE_S)
    )
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.02):
            for path in paths:
                answer = server.predict(f"/api/{lab.name}/{path}", published.request)
                answers[path].add((answer.status_code, answer.text.partition('"model"')[2]))

    asking = threading.Thread(target=ask)
    try:
        server.start()
        asking.start()
        yield
        stop.set()
        asking.join()
        assert {path: len(found) for path, found in answers.items()} == dict.fromkeys(paths, 1), answers
        assert {code for found in answers.values() for code, _ in found} == {200}
        assert server.stop() == 0
    finally:
        stop.set()
        server.close()


@pytest.mark.parametrize("points", [["restore.deleted"], pytest.param(POINTS, marks=pytest.mark.long)])
def test_killed_anywhere_it_goes_on_and_what_was_served_answers_throughout(
    published: Published, points: list[str]
) -> None:
    lab, before = published.lab, published.shown()
    with asked_throughout(published, "v1", "v3", "v4", "champion", "previous"):
        published.client.delete_model_version(lab.name, "2")
        for point in points:
            code, said = published.restore(SWATHE_FAULT=point)
            assert code == -signal.SIGKILL, (point, said)
            # What is not there for longer than the grace is still served.
            time.sleep(2 * GRACE_S)
            [told] = published.edits()
            assert told == f"model '{lab.name}' is being made again, which has not come to its end"
        published.restored()
        assert published.shown() == before and published.edits() == []
        # Long enough for the server to have looked at it again.
        time.sleep(2 * GRACE_S)
