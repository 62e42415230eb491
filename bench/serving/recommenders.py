"""Recommenders of made-up factors, as training leaves them: their files, and ratings to ask them with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from contract.model_version import GOLDEN_FILE, STATISTICS_FILE
from contract.recommender import Columns, IdColumn, RecommenderStatistics, Spread, recommender_statistics_to_json
from scoring.als import AlsScorer
from scoring.factors import Recommender
from scoring.golden_ratings import GoldenPair, GoldenRatings, GoldenUser
from scoring.ids import Ids
from scoring.item_ratings import ItemRatings

GIVEN = 10


def ratings(items: int) -> list[dict[str, int]]:
    """Return the ratings of a request, of items spread over all."""
    return [{"item": (i * items) // GIVEN, "rating": 1 + i % 5} for i in range(GIVEN)]


def body(items: int) -> bytes:
    """Return a request for ten recommendations."""
    return json.dumps({"ratings": ratings(items), "n": 10}).encode()


def write(folder: Path, users: int, items: int, rank: int, seed: int = 1) -> Recommender:
    """Write the artifact of a version into ``folder``; its items are the integers below ``items``."""
    rng = np.random.default_rng(seed)
    (folder / "swathe").mkdir()
    of_users, of_items = (Ids.of(sorted(map(str, range(count)))) for count in (users, items))
    x, y = (rng.normal(scale=rank**-0.5, size=(count, rank)).astype(np.float32) for count in (users, items))
    known = Recommender(of_users, of_items, x, y, reg=0.1, alpha=1.0, implicit=False)
    known.save(folder / "swathe")
    counts = rng.zipf(1.3, items).clip(1, 10_000).astype(np.int64)
    ItemRatings(counts, rng.uniform(1, 5, items)).save(folder / "swathe")
    columns = Columns(IdColumn("user", "int64"), IdColumn("item", "int64"), "rating")
    total = int(counts.sum())
    told = RecommenderStatistics(columns, False, users, items, total, 0.01, Spread(1.0, 5.0, 3.0, 1.0), 0, 0)
    (folder / STATISTICS_FILE).write_bytes(recommender_statistics_to_json(told))
    (folder / GOLDEN_FILE).write_bytes(_golden(AlsScorer(known)).to_json())
    return known


def _golden(scorer: AlsScorer) -> GoldenRatings:
    known = scorer.recommender
    vector = tuple(scorer.fold_in({0: 4.0}).tolist())
    user = GoldenUser(known.users[0], (known.items[0],), (4.0,), vector)
    pair = GoldenPair(known.users[0], known.items[0], scorer.predict(0, 0))
    return GoldenRatings(float(np.linalg.norm(vector)), (user,), (pair,))
