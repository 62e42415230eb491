"""Artifacts of recommenders that load: of ratings made up here, whose users the equations solve, without Spark."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.model_version import GOLDEN_FILE, STATISTICS_FILE
from contract.recommender import (
    Columns,
    IdColumn,
    Measured,
    RecommenderStatistics,
    Spread,
    recommender_statistics_to_json,
)
from scoring.als import AlsScorer
from scoring.factors import Recommender
from scoring.golden_ratings import GoldenPair, GoldenRatings, GoldenUser
from scoring.ids import Ids
from scoring.item_ratings import ItemRatings


@dataclass(frozen=True)
class Made:
    """A version: the files of its artifact, its numbers, and what each user rated, by places."""

    files: dict[str, bytes]
    scorer: AlsScorer
    rated: ItemRatings
    given: tuple[dict[int, float], ...]

    @property
    def users(self) -> Ids:
        """The users."""
        return self.scorer.recommender.users

    @property
    def items(self) -> Ids:
        """The items."""
        return self.scorer.recommender.items


def made(
    users: int = 6,
    items: int = 30,
    rank: int = 3,
    *,
    implicit: bool = False,
    whole: bool = False,
    seed: int = 0,
    first: int = 0,
) -> Made:
    """Return a version whose items are integers where ``whole``, and text otherwise; users are the other way round.

    ``first`` is the least of the integers.
    """
    rng = np.random.default_rng(seed)
    texts, numbers = [f"n{i}é" for i in range(users + items)], [str(first + i * 7) for i in range(users + items)]
    user_names, item_names = (texts, numbers) if whole else (numbers, texts)
    user_ids, item_ids = Ids.of(sorted(user_names[:users])), Ids.of(sorted(item_names[:items]))
    item_factors = rng.normal(size=(items, rank)).astype(np.float32)
    empty = np.zeros((users, rank), np.float32)
    given = tuple(
        {int(place): float(rng.integers(1, 11) / 2) for place in rng.choice(items, min(5 + user, items), replace=False)}
        for user in range(users)
    )
    unsolved = AlsScorer(Recommender(user_ids, item_ids, empty, item_factors, 0.1, 2.0, implicit))
    solved = np.array([unsolved.fold_in(ratings) for ratings in given])
    scorer = AlsScorer(Recommender(user_ids, item_ids, solved, item_factors, 0.1, 2.0, implicit))
    counts = np.array([max(1, sum(place in ratings for ratings in given)) for place in range(items)], np.int64)
    rated = ItemRatings(counts, rng.uniform(1, 5, items))
    columns = Columns(
        IdColumn("user_id", "string" if whole else "int64"),
        IdColumn("item id", ("int64" if first else "int32") if whole else "string"),
        "rating",
    )
    measured = Measured(9, 3, 1, {"rmse": 0.9, "ndcg_at_10": 0.2}, {"user_item_means": {"rmse": 0.95}})
    statistics = RecommenderStatistics(
        columns, implicit, users, items, int(counts.sum()), 0.25, Spread(0.5, 5.0, 3.0, 1.0), 0, 2, measured
    )
    return Made(_files(scorer, rated, given, statistics), scorer, rated, given)


def _files(
    scorer: AlsScorer, rated: ItemRatings, given: tuple[dict[int, float], ...], statistics: RecommenderStatistics
) -> dict[str, bytes]:
    model = scorer.recommender
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        model.save(directory)
        rated.save(directory)
        files = {f"swathe/{path.name}": path.read_bytes() for path in directory.iterdir()}
    users = tuple(
        GoldenUser(
            model.users[user],
            tuple(model.items[place] for place in ratings),
            tuple(ratings.values()),
            tuple(model.user_factors[user].tolist()),
        )
        for user, ratings in enumerate(given)
    )
    pairs = tuple(GoldenPair(model.users[0], model.items[i], scorer.predict(0, i)) for i in (0, 1))
    longest = float(np.linalg.norm(model.user_factors, axis=1).max())
    return {
        **files,
        STATISTICS_FILE: recommender_statistics_to_json(statistics),
        GOLDEN_FILE: GoldenRatings(longest, users, pairs).to_json(),
    }
