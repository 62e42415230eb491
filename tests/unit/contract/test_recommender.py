"""What training leaves of a recommender: names, bounds, statistics and lists, given back whole or refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from contract import recommender
from contract.errors import ModelArtifactError
from contract.model_version import ResultsFile
from contract.recommender import (
    Columns,
    IdColumn,
    ListsManifest,
    Measured,
    RecommenderStatistics,
    Spread,
    lists_from_json,
    lists_to_json,
    recommender_statistics_from_json,
    recommender_statistics_to_json,
)
from scoring import factors, item_ratings

MEASURED = Measured(10, 3, 2, {"rmse": 0.9, "ndcg_at_10": 0.1}, {"item_mean": {"rmse": 1.0}, "popularity": {}})
STATISTICS = RecommenderStatistics(
    columns=Columns(IdColumn("who", "string"), IdColumn("what", "int64"), "stars"),
    implicit=False,
    users=3,
    items=4,
    ratings=6,
    density=0.5,
    rating=Spread(1.0, 5.0, 3.5, 0.5),
    left_out=1,
    superseded=2,
    held_out=MEASURED,
    prequential=MEASURED,
    before=1,
)
LISTS = ListsManifest("m", "r", 3, (ResultsFile("k", "e", 10, 3, ("a",), ("c",)),))


def test_the_files_are_called_what_the_arithmetic_writes() -> None:
    names = {PurePosixPath(name).name for name in recommender.MOST_BYTES} - {"golden.json", "statistics.json"}
    of_factors = {factors.META, factors.USERS, factors.ITEMS, factors.USER_FACTORS, factors.ITEM_FACTORS}
    assert names == of_factors | {item_ratings.ITEM_COUNTS, item_ratings.ITEM_MEANS}
    assert recommender.MOST_BYTES[recommender.RECOMMENDER_FILE] == factors.MOST_META_BYTES


def test_statistics_come_back_as_they_were_and_each_measure_is_a_metric() -> None:
    body = recommender_statistics_to_json(STATISTICS)
    assert recommender_statistics_from_json(body, "s") == STATISTICS
    assert MEASURED.metrics("held_out") == {
        "held_out/rmse": 0.9,
        "held_out/ndcg_at_10": 0.1,
        "held_out/ratings": 10.0,
        "held_out/users": 3.0,
        "held_out/cold": 2.0,
        "held_out/item_mean/rmse": 1.0,
    }


@pytest.mark.parametrize(
    "changed", [{"users": -1}, {"density": 1.5}, {"rating": None}, {"columns": {}}, {"more": 1}, {"held_out": 3}]
)
def test_other_statistics_are_refused(changed: dict[str, Any]) -> None:
    fields = {"format": 1, "recommender": {**dataclasses.asdict(STATISTICS), **changed}}
    if "more" in changed:
        fields |= changed
    with pytest.raises(ModelArtifactError, match="s is not a statistics file of a recommender"):
        recommender_statistics_from_json(json.dumps(fields).encode(), "s")


def test_lists_come_back_as_they_were() -> None:
    assert lists_from_json(lists_to_json(LISTS), "k") == LISTS


@pytest.mark.parametrize("changed", [{"format": 2}, {"files": [{}]}, {"users": None}, {"features": ["a"]}])
def test_other_manifests_are_refused(changed: dict[str, Any]) -> None:
    fields = {"format": 1, **dataclasses.asdict(LISTS), **changed}
    with pytest.raises(ModelArtifactError, match="k is not a manifest of stored lists"):
        lists_from_json(json.dumps(fields).encode(), "k")
