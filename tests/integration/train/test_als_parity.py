"""The vectors that numpy folds in are those that Spark gives its own users, and so are the ratings it predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame, SparkSession

from pipeline.train.read.spark_session import SparkOnDemand
from scoring.als import TOLERANCE, AlsScorer
from scoring.factors import Recommender
from scoring.ids import Ids

USERS, ITEMS, RANK = 300, 120, 8


def ratings(rng: np.random.Generator, *, implicit: bool) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return distinct pairs [n, 2] of user and item and their ratings: users of one, of most items, of none liked.

    Implicit ones are counts with a long tail, some of them zero or below, which Spark takes as not liked.
    """
    share = np.concatenate([np.full(20, 1 / ITEMS), [0.9], rng.uniform(0.02, 0.3, USERS - 21)])
    seen = rng.random((USERS, ITEMS)) < share[:, None]
    seen[np.arange(USERS), rng.integers(0, ITEMS, USERS)] = True
    seen[rng.integers(0, USERS, ITEMS), np.arange(ITEMS)] = True
    pairs = np.argwhere(seen).astype(np.int32)
    if not implicit:
        return pairs, (rng.integers(1, 11, len(pairs)) / 2).astype(np.float32)
    counts = np.rint(np.exp(rng.normal(size=len(pairs)) * 1.5)) - 1
    counts[rng.random(len(pairs)) < 0.1] *= -1
    counts[pairs[:, 0] < 3] = -1
    return pairs, counts.astype(np.float32)


def frame(spark: SparkSession, pairs: npt.NDArray[np.int32], given: npt.NDArray[np.float32]) -> DataFrame:
    columns = {"user": pairs[:, 0].copy(), "item": pairs[:, 1].copy(), "rating": given}
    return spark.createDataFrame(pa.table(columns)).coalesce(1)


def factors(found: DataFrame) -> npt.NDArray[np.float32]:
    rows = sorted(found.collect(), key=lambda row: int(row["id"]))
    return np.array([row["features"] for row in rows], dtype=np.float32)


def recommender(model: ALSModel, *, implicit: bool) -> Recommender:
    return Recommender(
        users=Ids.of(f"u{n:04d}" for n in range(USERS)),
        items=Ids.of(f"i{n:04d}" for n in range(ITEMS)),
        user_factors=factors(model.userFactors),
        item_factors=factors(model.itemFactors),
        reg=0.05,
        alpha=3.0,
        implicit=implicit,
    )


@pytest.mark.parametrize("implicit", [False, True])
def test_numpy_folds_in_as_spark_solves(spark: SparkOnDemand, tmp_path: Path, implicit: bool) -> None:
    rng, session = np.random.default_rng(8), spark.session()
    pairs, given = ratings(rng, implicit=implicit)
    trained = frame(session, pairs, given).cache()
    als = ALS(
        userCol="user", itemCol="item", ratingCol="rating", rank=RANK, regParam=0.05, alpha=3.0, maxIter=4, seed=1
    )
    model = als.setImplicitPrefs(implicit).setNumBlocks(2).fit(trained)
    recommender(model, implicit=implicit).save(tmp_path)
    loaded = Recommender.load(tmp_path)
    answers = AlsScorer(loaded)
    longest = float(np.linalg.norm(loaded.user_factors, axis=1).max())
    assert np.abs(every_user(answers, pairs, given) - loaded.user_factors).max() <= TOLERANCE * longest
    # The tolerance tells another λ apart, as of one that is not scaled by the number of ratings.
    other = every_user(AlsScorer(with_reg(loaded, 0.055)), pairs, given)
    assert np.abs(other - loaded.user_factors).max() > 100 * TOLERANCE * longest
    if implicit:
        assert not loaded.user_factors[:3].any()
    else:
        assert min(np.bincount(pairs[:, 0])) == 1
    predicted_as_spark(model, trained, pairs, answers)
    recommended_as_spark(model, answers)


def every_user(
    answers: AlsScorer, pairs: npt.NDArray[np.int32], given: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    each = (pairs[:, 0] == user for user in range(USERS))
    return np.array(
        [answers.fold_in(dict(zip(pairs[mine, 1].tolist(), given[mine].tolist(), strict=True))) for mine in each]
    )


def with_reg(loaded: Recommender, reg: float) -> Recommender:
    numbers = (loaded.users, loaded.items, loaded.user_factors, loaded.item_factors)
    return Recommender(*numbers, reg=reg, alpha=loaded.alpha, implicit=loaded.implicit)


def predicted_as_spark(model: ALSModel, trained: DataFrame, pairs: npt.NDArray[np.int32], answers: AlsScorer) -> None:
    """Every rating, to the last bit."""
    rows = model.transform(trained).collect()
    users, items, ratings = (np.array([row[name] for row in rows]) for name in ("user", "item", "prediction"))
    assert len(rows) == len(pairs)
    assert np.array_equal(answers.predict_pairs(users, items), ratings.astype(np.float32))
    assert answers.predict(int(users[0]), int(items[0])) == ratings[0]


def recommended_as_spark(model: ALSModel, answers: AlsScorer) -> None:
    """Every user's ten best: the same scores within rounding, and the same items but for ties."""
    for row in model.recommendForAllUsers(10).collect():
        vector = answers.recommender.user_factors[row["user"]]
        found = answers.recommend(vector, 10)
        theirs = [(item, score) for item, score in row["recommendations"]]
        within = 1e-5 * float(np.abs(answers.scores(vector)).max())
        assert [score for _, score in found] == pytest.approx([score for _, score in theirs], abs=within)
        clear = [score for _, score in theirs]
        for i, ((item, score), (other, _)) in enumerate(zip(found, theirs, strict=True)):
            alone = all(abs(score - x) > 2 * within for j, x in enumerate(clear) if j != i)
            assert item == other or not alone or i == len(found) - 1
