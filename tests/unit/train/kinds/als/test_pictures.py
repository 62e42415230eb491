"""Pictures of a recommender: the same keys for all, whatever the ratings are."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.train.kinds.als.pictures import Drawn, draw
from pipeline.train.kinds.als.ranking import Ranked
from scoring.item_ratings import ItemRatings

LISTS = Ranked(np.arange(12).reshape(3, 4), np.eye(3, 4, dtype=bool), np.array([1, 2, 3]))


@pytest.mark.parametrize(
    ("ratings", "lists", "keys"),
    [
        (np.repeat(np.arange(1, 6), 9), {"als": LISTS, "popularity": LISTS}, 4),
        (np.full(5, 3), {}, 2),
        (np.linspace(-1e9, 1e9, 500), {"als": LISTS, "popularity": LISTS}, 4),
    ],
)
def test_any_ratings_are_drawn(ratings: np.ndarray, lists: dict[str, Ranked], keys: int) -> None:
    of_items = ItemRatings(np.arange(1, 13), np.ones(12))
    given = ratings.astype(np.float32)
    pictures = draw(Drawn("m version 1", of_items, given, given[:0] if not lists else given, lists))
    assert len(pictures) == keys
    for picture in pictures.values():
        assert picture.shape[2] == 3 and picture.min() < 128 < picture.max()
