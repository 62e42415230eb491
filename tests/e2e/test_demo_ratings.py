"""`make demo-ratings`: from the file of ratings to recommendations, by the commands that a person would type."""

from __future__ import annotations

import json
import sys

import httpx
import pytest

from tests.e2e.conftest import Demo

MODEL = "movielens-cumulative"


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_the_other_command_of_the_readme(demo: Demo) -> None:
    said = demo.run(sys.executable, "-m", "infra.demo.ratings")
    assert "sent 100,000 rows of ml-100k.inter to topic movielens" in said
    assert "landed 100,000 rows in 3 batches, rejected 0" in said
    assert "every offset is in exactly one place" in said
    for version, rows in ((1, "33,334"), (2, "66,668"), (3, "100,000")):
        assert f"v{version}  ready  batch {version}  {rows} rows" in said
    body = {"ratings": [{"item": 50, "rating": 5}, {"item": 172, "rating": 5}, {"item": 181, "rating": 4}], "n": 5}
    with demo.client() as server:
        champion = server.post(f"/api/{MODEL}/champion/recommend", json=body).raise_for_status().json()
        assert champion["version"] == 3 and champion["basis"] == "ratings"
        assert len(champion["recommendations"]) == 5 and champion["unknown_items"] == []
        assert json.dumps(champion["recommendations"][0]["item"]) in said
        users = server.get(f"/api/{MODEL}/champion/users?limit=1000").json()["users"]
        assert len(users) == 943 and all(type(user) is int for user in users)
        for user in users:
            _is_answered_as_spark_answers(server, user)
        (model,) = (model for model in server.get("/api/models").json() if model["name"] == MODEL)
    assert [version["state"] for version in model["versions"]] == ["ready"] * 3
    # Again it does only what is new.
    again = demo.run(sys.executable, "-m", "infra.demo.ratings")
    assert "100,000 were there already" in again and "nothing to do" in again


def _is_answered_as_spark_answers(server: httpx.Client, user: int) -> None:
    """The ratings that a stored list rests on give that list, but for items that are as good."""
    stored = server.get(f"/api/{MODEL}/champion/recommendations/{user}").raise_for_status().json()
    theirs = stored["recommendations"]
    body = {"ratings": stored["ratings"], "n": len(theirs)}
    answer = server.post(f"/api/{MODEL}/champion/recommend", json=body).raise_for_status().json()
    ours = answer["recommendations"]
    assert [each["score"] for each in ours] == pytest.approx([each["score"] for each in theirs], abs=1e-4)
    scores = [each["score"] for each in theirs]
    for i, (mine, spark_s) in enumerate(zip(ours, theirs, strict=True)):
        # The last one may be as good as one that is not listed.
        alone = all(abs(scores[i] - score) > 2e-4 for j, score in enumerate(scores) if j != i)
        assert mine["item"] == spark_s["item"] or not alone or i == len(theirs) - 1
