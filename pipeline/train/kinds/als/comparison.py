"""Measures a new version, the one before it and the champion on ratings that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from contract.recommender import Measured
from pipeline.train.kinds.als.collected import Collected, Flags
from pipeline.train.kinds.als.earlier import Earlier
from pipeline.train.kinds.als.fit import Vocabulary
from pipeline.train.kinds.als.measure import Judge, Unseen, errors
from pipeline.train.kinds.als.ranking import AT, Ranked
from scoring.als import AlsScorer
from scoring.ids import Ids
from scoring.item_ratings import ItemRatings

HELD_OUT, PREQUENTIAL, NEWEST = "held_out", "prequential", "newest"
CHAMPION_VERSION: Final = f"{NEWEST}/champion/version"


@dataclass(frozen=True)
class Comparison:
    """What was measured: on what was held out, with the lists behind it, and of the version ``before`` on the batch.

    ``beside`` are the metrics on the newest batch's held-out ratings, of this version and of the champion.
    """

    held_out: Measured
    lists: dict[str, Ranked]
    prequential: Measured | None
    before: int | None
    beside: dict[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """All of it by the name of a metric."""
        before = {} if self.prequential is None else self.prequential.metrics(PREQUENTIAL)
        return {**self.held_out.metrics(HELD_OUT), **before, **self.beside}


def compare(
    scorer: AlsScorer, known: Vocabulary, collected: Collected, before: Earlier | None, champion: Earlier | None
) -> Comparison:
    """Compare a version with what is simpler, with the version before it and with the champion, if there are any."""
    seen = collected.pairs(known.users, known.items, collected.trained)
    own = Judge(scorer, known.of_items, known.mean, seen, known.user_means)
    held_out, lists = own.measured(collected.of(known.users, known.items, ~collected.trained))
    prequential = None if before is None else _prequential(before, collected)
    # As later versions will find it.
    this = Earlier(collected.newest, scorer, known.of_items, known.mean)
    beside = {} if champion is None else _beside(this, champion, collected)
    return Comparison(held_out, lists, prequential, None if before is None else before.number, beside)


def _prequential(before: Earlier, collected: Collected) -> Measured:
    """Test, then train: the version before on the whole newest batch, of which it has seen nothing.

    What it was fitted to is at hand where batches add up; else it may recommend what somebody has rated before.
    """
    recommender = before.scorer.recommender
    still = collected.trained & (collected.batches <= before.number)
    fitted = collected.of(recommender.users, recommender.items, still)
    means = _user_means(fitted.of(fitted.known), len(recommender.users))
    seen = collected.pairs(recommender.users, recommender.items, collected.may_be_fitted(before.number))
    judge = Judge(before.scorer, before.of_items, before.mean, seen, means)
    return judge.measured(collected.of(recommender.users, recommender.items, collected.is_newest))[0]


def _user_means(seen: Unseen, users: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return each user's mean rating, NaN where it is not known; none at all where nothing was seen."""
    if not len(seen.ratings):
        return np.empty(0)
    counts = np.bincount(seen.users, minlength=users)
    sums = np.bincount(seen.users, weights=seen.ratings.astype(np.float64), minlength=users)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _beside(this: Earlier, champion: Earlier, collected: Collected) -> dict[str, float]:
    """Measure both on the newest batch's held-out ratings that neither has seen, of users and items that both know.

    Both choose from the same items: those that both know, but for what either may have been fitted to.
    """
    shared = sorted({*this.scorer.recommender.items} & {*champion.scorer.recommender.items})
    if not shared:
        return {}
    items, seen = Ids.of(shared), collected.trained | collected.may_be_fitted(champion.number)
    own, other = (_among(items, version, collected, seen) for version in (this, champion))
    here, there = (
        collected.of(judge.scorer.recommender.users, items, collected.is_newest & ~seen) for judge in (own, other)
    )
    both = here.known & there.known
    told = {NEWEST: _one_measure(own, here.of(both)), f"{NEWEST}/champion": _one_measure(other, there.of(both))}
    found = {f"{prefix}/{name}": value for prefix, values in told.items() for name, value in values.items()}
    return {**found, CHAMPION_VERSION: float(champion.number)} if found else {}


def _among(items: Ids, version: Earlier, collected: Collected, seen: Flags) -> Judge:
    """Return what judges a version as if it knew no more than these ``items``, all of which it knows."""
    known = version.scorer.recommender
    places = np.array(known.items.places(items), dtype=np.int64)
    among = replace(known, items=items, item_factors=known.item_factors[places])
    told = ItemRatings(version.of_items.counts[places], version.of_items.means[places])
    return Judge(AlsScorer(among), told, version.mean, collected.pairs(known.users, items, seen))


def _one_measure(judge: Judge, known: Unseen) -> dict[str, float]:
    """Return the measure by which such models are compared, none where there is nothing to measure."""
    if not judge.implicit:
        said = judge.scorer.predict_pairs(known.users, known.items)
        return {"rmse": errors(said, known.ratings)["rmse"]} if len(known.ratings) else {}
    lists = judge.lists(known)
    return {f"ndcg_at_{AT}": lists["als"].measure("ndcg", AT)} if lists else {}
