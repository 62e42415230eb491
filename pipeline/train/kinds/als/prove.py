"""Proves that numpy answers as Spark does: users folded in, ratings predicted, lists recommended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from contract.errors import ModelArtifactError
from contract.kinds.als import Als
from contract.recommender import GOLDEN_RATINGS
from pipeline.train.kinds.als.collected import Collected
from pipeline.train.kinds.als.fit import ITEM_PLACE, PREDICTION, USER_PLACE, Fitted
from pipeline.train.kinds.als.lists import Best
from pipeline.train.kinds.als.measure import Unseen
from pipeline.train.kinds.als.ranking import Places
from scoring.als import TOLERANCE, AlsScorer
from scoring.factors import Singles
from scoring.golden_ratings import GoldenPair, GoldenRatings, GoldenUser

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_USERS: Final = 20_000
"""Compared; of more, evenly chosen ones."""
_MOST_PAIRS: Final = 5_000
_MOST_SCORES: Final = 200_000_000
_GOLDEN_USERS, _GOLDEN_PAIRS = 24, 200

SCORES_TOLERANCE: Final = 1e-5
"""Of a user's highest score by size: Spark multiplies blocks of factors, whose additions have another order."""


def prove(spark: SparkSession, fitted: Fitted, scorer: AlsScorer, collected: Collected, best: Best) -> GoldenRatings:
    """Compare ``scorer`` with Spark, and return a golden file of what Spark said.

    Raises
    ------
    ModelArtifactError: they disagree, so the version must not be registered.
    """
    known = scorer.recommender
    trained = collected.of(known.users, known.items, collected.trained)
    users = _spread(np.unique(trained.users), MOST_USERS)
    longest = float(np.linalg.norm(known.user_factors, axis=1).max())
    folded = [_folds_in(scorer, trained, int(user), longest) for user in users]
    pairs, said = _predicted(spark, fitted, collected, best.model)
    wrong = int(np.count_nonzero(scorer.predict_pairs(pairs[:, 0], pairs[:, 1]) != said))
    lists = _lists_differ(scorer, best)
    if wrong or lists or not all(folded):
        raise ModelArtifactError(
            f"numpy and Spark disagree on {folded.count(False)} of {len(users)} users, {wrong} of {len(pairs)} "
            f"predicted ratings and {lists} stored lists; nothing was registered"
        )
    return GoldenRatings(longest, _golden_users(scorer, trained, users), _golden_pairs(scorer, pairs, said))


def _spread(values: Places, most: int) -> Places:
    """Return at most ``most`` of the sorted ``values``, evenly."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values)), dtype=np.int64))]


def _of_user(trained: Unseen, user: int) -> slice:
    low, high = np.searchsorted(trained.users, [user, user + 1])
    return slice(int(low), int(high))


def _folds_in(scorer: AlsScorer, trained: Unseen, user: int, longest: float) -> bool:
    own = _of_user(trained, user)
    vector = scorer.fold_in(dict(zip(trained.items[own].tolist(), trained.ratings[own].tolist(), strict=True)))
    return bool(np.abs(vector - scorer.recommender.user_factors[user]).max() <= TOLERANCE * longest)


def _predicted(spark: SparkSession, fitted: Fitted, collected: Collected, model: Als) -> tuple[Places, Singles]:
    """Return places [n, 2] of users and items and what Spark's whole pipeline predicts for their names."""
    chosen = _spread(np.arange(len(collected.users)), _MOST_PAIRS)
    columns = {
        model.user: [collected.user_names[i] for i in collected.users[chosen]],
        model.item: [collected.item_names[i] for i in collected.items[chosen]],
    }
    rows = spark.createDataFrame(pa.table(columns)).coalesce(1)
    table = fitted.pipeline.transform(rows).select(USER_PLACE, ITEM_PLACE, PREDICTION).toArrow()
    users, items = (table.column(name).to_numpy().astype(np.int64) for name in (USER_PLACE, ITEM_PLACE))
    said = table.column(PREDICTION).to_numpy().astype(np.float32)
    known = (users < len(fitted.recommender.users)) & (items < len(fitted.recommender.items))
    if not (np.isnan(said) == ~known).all():
        raise ModelArtifactError("Spark predicts a rating of what it does not know, or none of what it does")
    return np.stack([users[known], items[known]], axis=1), said[known]


def _lists_differ(scorer: AlsScorer, best: Best) -> int:
    """Return how many of Spark's lists numpy would not make: other scores, or others first, but for near ties."""
    most = max(1, min(MOST_USERS, _MOST_SCORES // len(scorer.recommender.items)))
    return sum(not _same_list(scorer, *each) for each in best.places(most))


def _same_list(scorer: AlsScorer, user: int, items: Places, scores: Singles, rated: Places) -> bool:
    vector = scorer.recommender.user_factors[user]
    own = scorer.scores(vector)
    within = SCORES_TOLERANCE * float(np.abs(own).max(initial=0))
    found = np.array([score for _, score in scorer.recommend(vector, len(items), rated.tolist())], dtype=np.float32)
    return (
        len(found) == len(items)
        and not np.isin(items, rated).any()
        and bool(np.all(np.abs(own[items] - scores) <= within))
        and bool(np.all(np.abs(found - scores) <= within))
    )


def _golden_users(scorer: AlsScorer, trained: Unseen, users: Places) -> tuple[GoldenUser, ...]:
    known = scorer.recommender
    counts = np.bincount(trained.users, minlength=len(known.users))
    golden = []
    for user in _spread(users[counts[users] <= GOLDEN_RATINGS], _GOLDEN_USERS).tolist():
        own = _of_user(trained, user)
        items = tuple(known.items[item] for item in trained.items[own].tolist())
        given, factors = trained.ratings[own].tolist(), known.user_factors[user].tolist()
        golden.append(GoldenUser(known.users[user], items, tuple(given), tuple(factors)))
    return tuple(golden)


def _golden_pairs(scorer: AlsScorer, pairs: Places, said: Singles) -> tuple[GoldenPair, ...]:
    known = scorer.recommender
    chosen = _spread(np.arange(len(pairs)), _GOLDEN_PAIRS)
    given = zip(pairs[chosen].tolist(), said[chosen].tolist(), strict=True)
    return tuple(GoldenPair(known.users[user], known.items[item], rating) for (user, item), rating in given)
