"""A registry that was edited: told by name, and made whole again under the same numbers, or left as it is."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.serving.load import Load
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.train.conftest import Lab
from tests.integration.train.published import Published, predict_body

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


@pytest.fixture
def published(lab: Lab) -> Published:
    """Four versions, of which the second failed; the fourth was rolled back, a person tagged the first."""
    series = Published(lab)
    series.publish("ready", "a feature is constant", "ready", "ready")
    assert lab.pipeline("rollback", "--stream", str(lab.file))[0] == 0
    series.client.set_model_version_tag(lab.name, "1", "owner", "somebody")
    series.client.set_registered_model_tag(lab.name, "team", "clusters")
    return series


def test_whatever_was_deleted_comes_back_as_it_was(published: Published) -> None:
    lab, client = published.lab, published.client
    before = published.shown()
    assert before[0] is not None and before[0].aliases == {"champion": 3, "previous": 4}
    # The last, one in the middle that is champion, the whole model: each is told, and comes back.
    for number in ("4", "3"):
        client.delete_model_version(lab.name, number)
        code, said = published.restore()
        assert code == 0 and "versions 1, 2, 3, 4 are there again" in said, said
        assert published.shown() == before
    client.delete_registered_model(lab.name)
    code, said = published.restore()
    assert code == 0 and "champion is version 3" in said, said
    # Tags that people gave after the last training are gone with the model.
    model, versions = published.shown()
    assert model is not None and model.aliases == before[0].aliases
    assert [dict(version.tags) | {"owner": "somebody"} for version in versions.values()][:1] == [
        dict(before[1][1].tags)
    ]
    assert {n: v for n, v in versions.items() if n > 1} == {n: v for n, v in before[1].items() if n > 1}
    code, said = published.restore()
    assert code == 0 and f"{lab.name}: nothing to restore" in said, said


@contextmanager
def asked_throughout(published: Published, *paths: str) -> Iterator[PredictionServer]:
    """Serve the series, and ask ``paths`` for predictions all the time: each has to answer, and always from one version."""
    lab, bodies = published.lab, [predict_body(scoring) for scoring in published.scorings.values()]
    server = PredictionServer(
        lab.services, lab.directory, SWATHE_SERVING_MODELS=lab.name, SWATHE_SERVING_GRACE_S=str(GRACE_S)
    )
    try:
        server.start()
        with ExitStack() as stack:
            loads = [stack.enter_context(Load(server.url, lambda p=path: p, bodies[0], 1)) for path in paths]  # type: ignore[misc]
            yield server
        for load in loads:
            assert len(load.answers) > 20 and load.failures == [], load.failures[:3]
            assert len({answer.text.partition('"model"')[2] for answer in load.answers}) == 1
        assert server.stop() == 0
    finally:
        server.close()


@pytest.mark.parametrize(
    "points", [["restore.deleted", "restore.version-created:2"], pytest.param(POINTS, marks=pytest.mark.long)]
)
def test_killed_anywhere_it_goes_on_and_what_was_served_answers_throughout(
    published: Published, points: list[str]
) -> None:
    lab = published.lab
    before = published.shown()
    paths = [f"/api/{lab.name}/{name}/predict" for name in ("v1", "v3", "v4", "champion", "previous")]
    with asked_throughout(published, *paths):
        published.client.delete_model_version(lab.name, "2")
        for point in points:
            code, said = published.restore(SWATHE_FAULT=point)
            assert code == -signal.SIGKILL, (point, said)
            # What is not there for longer than the grace is still served.
            time.sleep(2 * GRACE_S)
            code, said = lab.pipeline("rollback", "--stream", str(lab.file))
            assert code == 1 and f"`python -m pipeline restore {lab.name}`" in said, said
        code, said = published.restore()
        assert code == 0 and "previous is version 4" in said, said
        assert published.shown() == before
        # Long enough for the server to have looked at it again.
        time.sleep(2 * GRACE_S)
