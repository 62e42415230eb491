"""The recommender without Spark: its equations, its order, and ratings that no model can take."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.als import AlsScorer
from scoring.factors import Recommender, Singles
from tests.unit.scoring.recommenders import made

RATINGS = st.dictionaries(st.integers(0, 19), st.floats(-5, 5, width=32), max_size=20)


def loss(model: Recommender, ratings: dict[int, float], x: np.ndarray) -> float:
    """What a user's vector is the least of: for explicit ratings ALS-WR, for implicit ones Hu, Koren and Volinsky."""
    scores = model.item_factors.astype(np.float64) @ x
    given = np.array(list(ratings.values()))
    rated = list(ratings)
    if not model.implicit:
        return float(((given - scores[rated]) ** 2).sum() + model.reg * len(rated) * (x @ x))
    confidence, liked = np.ones(len(scores)), np.zeros(len(scores))
    confidence[rated] += model.alpha * np.abs(given)
    liked[rated] = given > 0
    return float((confidence * (liked - scores) ** 2).sum() + model.reg * liked.sum() * (x @ x))


@given(RATINGS, st.booleans(), st.integers(0, 2**32 - 1))
def test_no_vector_beside_the_folded_one_is_better(ratings: dict[int, float], implicit: bool, seed: int) -> None:
    model = made(implicit=implicit)
    vector = AlsScorer(model).fold_in(ratings)
    if not any(rating > 0 if implicit else True for rating in ratings.values()):
        assert not vector.any()
        return
    best = loss(model, ratings, vector.astype(np.float64))
    for step in np.random.default_rng(seed).normal(size=(8, 3)) * 0.01:
        assert loss(model, ratings, vector + step) > best


@given(st.integers(0, 25), st.sets(st.integers(-3, 25)), st.lists(st.integers(-2, 2), min_size=3, max_size=3))
def test_the_best_come_first_and_ties_by_place(n: int, exclude: set[int], whole: list[int]) -> None:
    base = made()
    # Small whole numbers, so that many scores are the same.
    model = dataclasses.replace(base, item_factors=np.rint(base.item_factors))
    vector = np.array(whole, np.float32)
    scores = AlsScorer(model).scores(vector)
    order = sorted((-float(score), place) for place, score in enumerate(scores) if place not in exclude)
    assert AlsScorer(model).recommend(vector, n, exclude) == [(place, -negative) for negative, place in order[:n]]


@given(
    items=st.integers(1, 900),
    n=st.integers(1, 8),
    seed=st.integers(0, 99),
    rounded=st.booleans(),
    excluded=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_the_best_of_many_are_those_of_a_sort(items: int, n: int, seed: int, *, rounded: bool, excluded: float) -> None:
    scorer = AlsScorer(made(items=items, seed=seed))
    if rounded:
        np.rint(scorer.recommender.item_factors, out=scorer.recommender.item_factors)
    vector = np.array([1, -2, 1], np.float32)
    exclude = set(np.flatnonzero(np.random.default_rng(seed).random(items) < excluded).tolist())
    scores = scorer.scores(vector)
    order = sorted((-float(score), place) for place, score in enumerate(scores) if place not in exclude)
    assert scorer.recommend(vector, n, exclude) == [(place, -negative) for negative, place in order[:n]]


def test_the_most_similar_are_nearest_by_cosine() -> None:
    model = made()
    model.item_factors[4] = 0
    answers = AlsScorer(model)
    unit = model.item_factors / np.maximum(np.linalg.norm(model.item_factors, axis=1, keepdims=True), 1e-9)
    cosines = unit @ unit[7]
    found = answers.similar(7, 100)
    assert [place for place, _ in found] == [place for place in np.argsort(-cosines, kind="stable") if place != 7]
    assert [cosine for _, cosine in found] == pytest.approx(-np.sort(-np.delete(cosines, 7)), abs=1e-6)
    assert answers.similar(4, 2) == [(0, 0.0), (1, 0.0)] and answers.similar(7, 0) == []


def test_a_rating_is_added_up_from_left_to_right() -> None:
    model = made(rank=40)
    answers = AlsScorer(model)
    for user in range(7):
        total = np.float32(0)
        for x, y in zip(model.user_factors[user], model.item_factors[user], strict=True):
            total += x * y
        assert answers.predict(user, user) == float(total)
    pairs = np.arange(7)
    assert answers.predict_pairs(pairs, pairs).tolist() == [answers.predict(user, user) for user in range(7)]


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("rating", [math.nan, math.inf, -math.inf, 1e39, 3e38, 10**400])
def test_ratings_that_no_answer_can_hold_are_refused(rating: float, implicit: bool) -> None:
    answers = AlsScorer(made(implicit=implicit))
    with pytest.raises(ValueError, match=r"32 bits|too large"):
        answers.fold_in({1: rating, 2: 1.0})
    assert np.isfinite(answers.fold_in({1: 1e9, 2: -1e9, 3: 1e-38})).all()


@pytest.mark.parametrize("place", [-1, 20, 2**40])
def test_items_that_are_not_there_are_refused(place: int) -> None:
    with pytest.raises(ValueError, match="not one of the 20 places"):
        AlsScorer(made()).fold_in({1: 1.0, place: 2.0})


def test_too_small_a_reg_is_named() -> None:
    flat = dataclasses.replace(made(), item_factors=np.ones((20, 3), np.float32), reg=1e-300)
    with pytest.raises(ValueError, match="a reg of 1e-300 too small"):
        AlsScorer(flat).fold_in({1: 1.0})


def best_of(scores: Singles) -> list[int]:
    return [place for place, _ in sorted(enumerate(scores.tolist()), key=lambda pair: (-pair[1], pair[0]))]


def test_a_hundred_thousand_items() -> None:
    model = made(2, 100_000, 64)
    answers, vector = AlsScorer(model), model.user_factors[0]
    assert [place for place, _ in answers.recommend(vector, 20)] == best_of(answers.scores(vector))[:20]
