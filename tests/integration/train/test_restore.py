"""A registry that was edited: told by name, and made whole again under the same numbers, or left as it is."""

from __future__ import annotations

import pytest

from tests.integration.train.conftest import Lab
from tests.integration.train.published import Published


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
