"""Measures a new version, the one before it and the champion on ratings that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.recommender import Measured
from pipeline.train.kinds.als.collected import Collected
from pipeline.train.kinds.als.earlier import Earlier, History
from pipeline.train.kinds.als.fit import Vocabulary
from pipeline.train.kinds.als.measure import Judge, Unseen, errors
from pipeline.train.kinds.als.ranking import AT, Ranked
from scoring.als import AlsScorer

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


def compare(scorer: AlsScorer, known: Vocabulary, collected: Collected, history: History, number: int) -> Comparison:
    """Compare version ``number`` with what is simpler, with the version before it and with the champion."""
    own = Judge(
        scorer,
        known.of_items,
        known.mean,
        collected.pairs(known.users, known.items, collected.trained),
        known.user_means,
    )
    held_out, lists = own.measured(collected.of(known.users, known.items, ~collected.trained))
    before, champion = history.before(number)
    prequential = None if before is None else _prequential(before, collected)
    beside = {} if champion is None else _beside(own, champion, collected)
    return Comparison(held_out, lists, prequential, None if before is None else before.number, beside)


def _prequential(before: Earlier, collected: Collected) -> Measured:
    """Test, then train: the version before on the whole newest batch, of which it has seen nothing.

    What it was fitted to is at hand where batches add up; else it may recommend what somebody has rated before.
    """
    recommender = before.scorer.recommender
    fitted = collected.trained & ~collected.newest
    seen = collected.of(recommender.users, recommender.items, fitted)
    seen = seen.of(seen.known)
    pairs = collected.pairs(recommender.users, recommender.items, fitted)
    judge = Judge(before.scorer, before.of_items, before.mean, pairs, _user_means(seen, len(recommender.users)))
    return judge.measured(collected.of(recommender.users, recommender.items, collected.newest))[0]


def _user_means(seen: Unseen, users: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return each user's mean rating, NaN where it is not known; none at all where nothing was seen."""
    if not len(seen.ratings):
        return np.empty(0)
    counts = np.bincount(seen.users, minlength=users)
    sums = np.bincount(seen.users, weights=seen.ratings.astype(np.float64), minlength=users)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _beside(own: Judge, champion: Earlier, collected: Collected) -> dict[str, float]:
    """Measure both on the newest batch's held-out ratings of which both know user and item; nothing without any."""
    mine, theirs = own.scorer.recommender, champion.scorer.recommender
    chosen = collected.newest & ~collected.trained
    here = collected.of(mine.users, mine.items, chosen)
    there = collected.of(theirs.users, theirs.items, chosen)
    both = here.known & there.known
    seen = collected.pairs(theirs.users, theirs.items, collected.trained)
    other = Judge(champion.scorer, champion.of_items, champion.mean, seen)
    told = {NEWEST: _one_measure(own, here.of(both)), f"{NEWEST}/champion": _one_measure(other, there.of(both))}
    found = {f"{prefix}/{name}": value for prefix, values in told.items() for name, value in values.items()}
    return {**found, CHAMPION_VERSION: float(champion.number)} if found else {}


def _one_measure(judge: Judge, known: Unseen) -> dict[str, float]:
    """Return the measure by which such models are compared, none where there is nothing to measure."""
    if not judge.implicit:
        said = judge.scorer.predict_pairs(known.users, known.items)
        return {"rmse": errors(said, known.ratings)["rmse"]} if len(known.ratings) else {}
    lists = judge.lists(known)
    return {f"ndcg_at_{AT}": lists["als"].measure("ndcg", AT)} if lists else {}
