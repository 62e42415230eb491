"""Loads a version of ALS for MLflow, without a JVM; it travels with the version, as `pyfunc.py` says."""

from __future__ import annotations

import json
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from .als import AlsScorer, Places
from .factors import Recommender
from .golden_ratings import GoldenRatings
from .ids import Ids


class RatingPredictor:
    """Predicts ratings of pairs with one version's factors."""

    def __init__(self, scorer: AlsScorer, user: str, item: str) -> None:
        self._scorer, self._user, self._item = scorer, user, item

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Return a data frame of the rating of each user and item in ``model_input``; NaN where one is not known."""
        known = self._scorer.recommender
        users = _places(known.users, model_input[self._user])
        items = _places(known.items, model_input[self._item])
        both = (users >= 0) & (items >= 0)
        ratings = np.full(len(users), np.nan)
        ratings[both] = self._scorer.predict_pairs(users[both], items[both])
        return model_input[[]].assign(rating=ratings)


def _places(ids: Ids, column: Any) -> Places:
    """Return the place of each value, -1 where it is none of ``ids``: missing values and fractions never are."""
    names = list(map(_name, column))
    found = iter(ids.places([name for name in names if name is not None]))
    places = (None if name is None else next(found) for name in names)
    return np.array([-1 if place is None else place for place in places], dtype=np.int64)


def _name(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    # A data frame has integers as floats where one of them is missing.
    if isinstance(value, float | np.floating):
        value = int(value) if value.is_integer() else None
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    # Of more than 64 bits no column has any, and of thousands of digits Python writes none.
    return str(int(value)) if whole and abs(int(value)) < 2**64 else None


def _load_pyfunc(data_path: str) -> RatingPredictor:
    """Load the version whose `swathe/` directory is at ``data_path``; MLflow calls this by its name.

    Raises
    ------
    ValueError: a file is not what it should be, or this machine disagrees with what Spark said.
    """
    directory = Path(data_path)
    scorer = AlsScorer(Recommender.load(directory))
    golden = GoldenRatings.from_json((directory / "golden.json").read_bytes())
    if wrong := golden.disagreements(scorer):
        raise ValueError(f"{len(wrong)} of the golden answers are others here than from Spark; {wrong[0]} is one")
    columns = json.loads((directory / "statistics.json").read_bytes())["recommender"]["columns"]
    return RatingPredictor(scorer, columns["user"]["name"], columns["item"]["name"])
