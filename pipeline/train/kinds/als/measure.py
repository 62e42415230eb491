"""What a model does on ratings that it has not seen, beside what is simpler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from contract.recommender import Measured
from pipeline.train.kinds.als.ranking import AT, MEASURES, Pairs, Places, Ranked, Scores, rank
from scoring.als import AlsScorer
from scoring.arrays import Floats
from scoring.factors import Singles
from scoring.item_ratings import ItemRatings

POPULARITY: Final = "popularity"
GLOBAL_MEAN, USER_MEAN, ITEM_MEAN, BOTH_MEANS = "global_mean", "user_mean", "item_mean", "user_item_means"
MEANS: Final = (USER_MEAN, ITEM_MEAN, BOTH_MEANS)

# Scores that are computed for the lists; users are taken evenly where there would be more.
MOST_SCORES: Final = 400_000_000

_Errors = Mapping[str, float]


@dataclass(frozen=True)
class Unseen:
    """Ratings [n] with users [n] and items [n] by the places of a model, -1 where it does not know one."""

    users: Places
    items: Places
    ratings: Singles

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Of which the model knows both."""
        return np.asarray((self.users >= 0) & (self.items >= 0))

    def of(self, chosen: npt.NDArray[np.bool_]) -> Unseen:
        """Return those that are ``chosen``."""
        return Unseen(self.users[chosen], self.items[chosen], self.ratings[chosen])


@dataclass(frozen=True)
class Judge:
    """A model with what is simpler than it, and what it has ``seen``, of which it recommends nothing again.

    ``user_means`` are by place; empty where they are not known of an earlier model.
    """

    scorer: AlsScorer
    of_items: ItemRatings
    mean: float
    seen: Pairs
    user_means: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def implicit(self) -> bool:
        """Whether ratings are no more than preferences, of which no error is told."""
        return self.scorer.recommender.implicit

    def measured(self, unseen: Unseen) -> tuple[Measured, dict[str, Ranked]]:
        """Return what it does on ``unseen``, and the lists behind it: its own, and those of the most rated items."""
        known = unseen.of(unseen.known)
        values: dict[str, float] = {}
        baselines: dict[str, dict[str, float]] = {}
        if len(known.ratings) and not self.implicit:
            values |= errors(self.scorer.predict_pairs(known.users, known.items), known.ratings)
            baselines |= {name: dict(errors(said, known.ratings)) for name, said in self._means(known).items()}
        lists = self.lists(known)
        if lists:
            values |= self._told(lists["als"])
            baselines[POPULARITY] = self._told(lists[POPULARITY])
        cold = len(unseen.ratings) - len(known.ratings)
        users = len(lists["als"].relevant) if lists else 0
        return Measured(len(unseen.ratings), users, cold, values, baselines), lists

    def lists(self, known: Unseen) -> dict[str, Ranked]:
        """Return the lists for the users of ``known`` ratings; none where nobody has one that is relevant."""
        relevant = self._relevant(known)
        if not len(relevant.users):
            return {}
        items = self.scorer.recommender.item_factors
        by_count = np.empty(len(items))
        by_count[self.of_items.order] = -np.arange(len(items))
        scores: Mapping[str, Scores] = {
            "als": lambda users: self.scorer.recommender.user_factors[users] @ items.T,
            POPULARITY: lambda users: np.tile(by_count, (len(users), 1)),
        }
        return {name: rank(of_users, len(items), relevant, self.seen) for name, of_users in scores.items()}

    def _relevant(self, known: Unseen) -> Pairs:
        liked = known.of(known.ratings > 0) if self.implicit else known
        users = np.unique(liked.users)
        most = max(1, MOST_SCORES // len(self.scorer.recommender.items))
        if len(users) > most:
            users = users[np.unique(np.linspace(0, len(users) - 1, most, dtype=np.int64))]
            liked = liked.of(np.isin(liked.users, users))
        # What was rated before, and is rated again, is recommended to nobody.
        width = len(self.scorer.recommender.items)
        again = np.isin(liked.users * width + liked.items, self.seen.users * width + self.seen.items)
        return Pairs.of(liked.users[~again], liked.items[~again])

    def _means(self, known: Unseen) -> dict[str, Floats]:
        """Return what the means say: of all, of the item and, where they are known, of the user and of both.

        Both: mean + (user's mean − mean) + (item's mean − mean) (Koren, 2009, without regularisation).
        """
        of_item = self.of_items.means[known.items]
        said = {GLOBAL_MEAN: np.full(len(of_item), self.mean), ITEM_MEAN: of_item}
        if len(self.user_means):
            of_user = self.user_means[known.users]
            told = ~np.isnan(of_user)
            of_user = np.where(told, of_user, self.mean)
            said |= {USER_MEAN: of_user, BOTH_MEANS: of_user + of_item - self.mean}
        return said

    def _told(self, lists: Ranked) -> dict[str, float]:
        measures = {f"{name}_at_{AT}": lists.measure(name, AT) for name in MEASURES}
        return {**measures, f"coverage_at_{AT}": lists.coverage(AT, len(self.scorer.recommender.items))}


def errors(said: npt.NDArray[np.floating], ratings: Singles) -> dict[str, float]:
    """Return the root of the mean square, and the mean, of the errors (`RegressionMetrics` of Spark: rmse and mae)."""
    error = said.astype(np.float64) - ratings.astype(np.float64)
    return {"rmse": math.sqrt(float((error**2).mean())), "mae": float(np.abs(error).mean())}
