"""Recommenders of any numbers, made without Spark."""

from __future__ import annotations

import numpy as np

from scoring.factors import Recommender
from scoring.ids import Ids


def made(users: int = 7, items: int = 20, rank: int = 3, *, implicit: bool = False, seed: int = 0) -> Recommender:
    """Return a recommender of random factors."""
    rng = np.random.default_rng(seed)
    return Recommender(
        users=Ids.of(f"u{n:06d}" for n in range(users)),
        items=Ids.of(f"i{n:06d}" for n in range(items)),
        user_factors=rng.normal(size=(users, rank)).astype(np.float32),
        item_factors=rng.normal(size=(items, rank)).astype(np.float32),
        reg=0.1,
        alpha=2.0,
        implicit=implicit,
    )
