"""A model beside what is simpler: errors beside means, lists beside the most rated items, and what is left out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from pipeline.train.kinds.als import measure
from pipeline.train.kinds.als.measure import Judge, Unseen
from pipeline.train.kinds.als.ranking import Pairs
from scoring.als import AlsScorer
from scoring.item_ratings import ItemRatings
from tests.unit.scoring.recommenders import made

NOBODY = Pairs.of(np.empty(0, np.int64), np.empty(0, np.int64))


def judge(*, implicit: bool = False, seen: Pairs = NOBODY, user_means: bool = True) -> Judge:
    known = made(users=7, items=20, implicit=implicit)
    of_items = ItemRatings(np.arange(20, 0, -1), np.linspace(1, 5, 20))
    means = np.linspace(2, 4, 7) if user_means else np.empty(0)
    return Judge(AlsScorer(known), of_items, 3.0, seen, means)


def unseen(*cells: tuple[int, int, float]) -> Unseen:
    users, items, ratings = zip(*cells, strict=True)
    return Unseen(np.array(users), np.array(items), np.array(ratings, dtype=np.float32))


def test_errors_are_told_beside_those_of_means_and_the_cold_are_counted() -> None:
    mine = judge()
    found, lists = mine.measured(unseen((0, 3, 4.0), (6, 9, 2.0), (-1, 3, 5.0), (2, -1, 1.0)))
    said = [mine.scorer.predict(0, 3), mine.scorer.predict(6, 9)]
    assert (found.ratings, found.users, found.cold) == (4, 2, 2)
    assert found.values["rmse"] == pytest.approx(math.hypot(said[0] - 4, said[1] - 2) / math.sqrt(2))
    assert found.values["mae"] == pytest.approx((abs(said[0] - 4) + abs(said[1] - 2)) / 2)
    item, user = [1 + 4 * 3 / 19, 1 + 4 * 9 / 19], [2.0, 4.0]
    for name, told in {
        "global_mean": [3.0, 3.0],
        "user_mean": user,
        "item_mean": item,
        "user_item_means": [u + i - 3.0 for u, i in zip(user, item, strict=True)],
    }.items():
        assert found.baselines[name]["mae"] == pytest.approx((abs(told[0] - 4) + abs(told[1] - 2)) / 2)
    # The most rated items come first for everybody: of place 3 and 9 in a list of ten, both are found.
    assert found.baselines["popularity"]["recall_at_10"] == 1.0
    assert found.baselines["popularity"]["coverage_at_10"] == 0.5
    assert found.values["ndcg_at_10"] == lists["als"].measure("ndcg", 10)


def test_of_an_earlier_model_the_means_of_users_may_not_be_known() -> None:
    found, _ = judge(user_means=False).measured(unseen((0, 3, 4.0)))
    assert found.baselines.keys() == {"global_mean", "item_mean", "popularity"}
    some = dataclasses.replace(judge(), user_means=np.array([np.nan, *range(6)]))
    assert some.measured(unseen((0, 3, 4.0)))[0].baselines["user_mean"]["mae"] == pytest.approx(1.0)


def test_of_an_implicit_model_no_error_is_told_and_what_is_not_liked_is_not_relevant() -> None:
    found, lists = judge(implicit=True).measured(unseen((0, 3, 2.0), (0, 4, 0.0), (1, 3, -1.0)))
    assert found.values.keys().isdisjoint({"rmse", "mae"}) and found.baselines.keys() == {"popularity"}
    assert found.users == 1 and lists["als"].relevant.tolist() == [1]
    nothing, lists = judge(implicit=True).measured(unseen((0, 3, 0.0)))
    assert nothing.values == {} and lists == {}


def test_what_was_rated_before_is_recommended_to_nobody_and_is_not_missed() -> None:
    seen = Pairs.of(np.array([0, 0]), np.array([3, 4]))
    found, lists = judge(seen=seen).measured(unseen((0, 3, 4.0), (0, 5, 4.0)))
    assert lists["als"].relevant.tolist() == [1] and not np.isin(lists["als"].items, [3, 4]).any()
    assert found.baselines["popularity"]["precision_at_10"] == pytest.approx(0.1)


def test_of_very_many_users_some_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "MOST_SCORES", 3 * 20)
    found, lists = judge().measured(unseen(*((user, user, 3.0) for user in range(7))))
    assert len(lists["als"].relevant) == found.users == 3 and found.ratings == 7
