"""What a version is measured on: nothing that it, or what stands beside it, may have been fitted to."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.train.kinds.als.collected import Collected
from pipeline.train.kinds.als.comparison import Comparison, compare
from pipeline.train.kinds.als.earlier import Earlier
from pipeline.train.kinds.als.fit import Vocabulary
from scoring.als import AlsScorer
from scoring.factors import Recommender
from scoring.ids import Ids
from scoring.item_ratings import ItemRatings

# User, item, rating, whether it is fitted, its batch, and the batch in which the pair was first rated.
Row = tuple[str, str, float, bool, int, int]

OLD: list[Row] = [("a", "i", 5.0, True, 1, 1), ("b", "j", 1.0, True, 1, 1)]


def collected(newest: int, *rows: Row) -> Collected:
    users, items, ratings, trained, batches, first = zip(*sorted(rows), strict=True)
    user_names, item_names = tuple(dict.fromkeys(users)), tuple(sorted({*items}))
    return Collected(
        user_names,
        item_names,
        np.array([user_names.index(user) for user in users]),
        np.array([item_names.index(item) for item in items]),
        np.array(ratings, dtype=np.float32),
        np.array(trained),
        np.array(batches),
        np.array(first),
        newest,
    )


def model(items: str, *, implicit: bool) -> tuple[AlsScorer, ItemRatings]:
    """Return a model of users a and b that thinks more of an item the later its letter."""
    factors = np.array([[float(ord(item) - ord("a") + 1)] for item in items], dtype=np.float32)
    users = np.ones((2, 1), dtype=np.float32)
    known = Recommender(Ids.of("ab"), Ids.of(items), users, factors, reg=0.1, alpha=1.0, implicit=implicit)
    return AlsScorer(known), ItemRatings(np.full(len(items), 2), np.full(len(items), 3.0))


def compared(
    rows: Collected, items: str = "ijkl", before: Earlier | None = None, champion: Earlier | None = None
) -> Comparison:
    earlier = before or champion
    scorer, of_items = model(items, implicit=earlier is not None and earlier.scorer.recommender.implicit)
    known = Vocabulary(
        Ids.of("ab"), Ids.of(items), of_items, np.array([2, 2]), np.array([3.0, 3.0]), 4, 1.0, 5.0, 3.0, 1.0
    )
    return compare(scorer, known, rows, before, champion)


def earlier(number: int = 1, items: str = "ijkl", *, implicit: bool = False) -> Earlier:
    return Earlier(number, *model(items, implicit=implicit), 3.0)


@pytest.mark.parametrize("trained", [True, False])
def test_what_is_rated_again_is_in_no_list_of_the_version_that_may_have_seen_it(trained: bool) -> None:
    again, new = ("a", "i", 4.0, trained, 2, 1), ("a", "k", 4.0, trained, 2, 2)
    found = compared(collected(2, OLD[1], again, new), before=earlier()).prequential
    assert found is not None and found.ratings == 2 and found.users == 1
    # Of l, k and j, which are left, k is the second: with i beside it, 2 of 2 would be hits.
    assert found.values["recall_at_10"] == 1.0 and found.values["precision_at_10"] == pytest.approx(0.1)
    assert found.values["ndcg_at_10"] == pytest.approx(1 / np.log2(3))
    assert found.values["coverage_at_10"] == 0.75
    only = compared(collected(2, OLD[1], again), before=earlier()).prequential
    assert only is not None and only.users == 0 and only.values.keys() == {"rmse", "mae"}


def test_beside_the_champion_stands_what_neither_has_seen() -> None:
    again, new = ("a", "i", 4.0, False, 2, 1), ("a", "k", 4.0, False, 2, 2)
    found = compared(collected(2, OLD[1], again, new), champion=earlier()).beside
    both = {"newest/rmse": 7.0, "newest/champion/rmse": 7.0}
    assert found == {**both, "newest/champion/version": 1.0}
    assert compared(collected(2, OLD[1], again), champion=earlier()).beside == {}


def test_lists_beside_the_champion_are_of_items_that_both_know() -> None:
    """An item that only one of them knows would take a place from what is relevant."""
    rows = collected(2, *OLD, ("a", "j", 2.0, False, 2, 2), ("b", "l", 2.0, True, 2, 2))
    found = compared(rows, "ijl", champion=earlier(items="ijkmn", implicit=True)).beside
    assert found == {"newest/ndcg_at_10": 1.0, "newest/champion/ndcg_at_10": 1.0, "newest/champion/version": 1.0}
    assert compared(rows, "l", champion=earlier(items="ijk", implicit=True)).beside == {}
    again = dataclasses.replace(rows, first=np.ones(4, np.int64))
    assert compared(again, "ijl", champion=earlier(items="ijkmn", implicit=True)).beside == {}


def test_the_means_of_users_beside_an_earlier_version_are_of_what_it_has_seen() -> None:
    """Batch 2 failed, so that version 3 is the first to be fitted to its ratings."""
    rows = [*OLD, ("a", "l", 1.0, True, 2, 2), ("a", "k", 5.0, True, 3, 3)]
    found = compared(collected(3, *rows), before=earlier()).prequential
    assert found is not None and found.baselines["user_mean"]["mae"] == 0.0
    assert found.values["ndcg_at_10"] == pytest.approx(1 / np.log2(3))
