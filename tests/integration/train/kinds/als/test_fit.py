"""A fit is the same for the same ratings, however they come; and what cannot be solved is told as such."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.mllib.evaluation import RankingMetrics, RegressionMetrics
from pyspark.sql import SparkSession

from contract.errors import DataError
from contract.kinds.als import Als
from contract.recommender import lists_from_json
from pipeline.train.kinds.als import lists
from pipeline.train.kinds.als.fit import fit, vocabulary
from pipeline.train.kinds.als.measure import errors
from pipeline.train.kinds.als.ranking import Pairs, rank
from pipeline.train.kinds.als.ratings import BATCH, TRAINED, Ratings
from pipeline.train.kinds.kind import Batch
from pipeline.train.kinds.scratch import scratch_directory
from pipeline.train.read.spark_errors import spark_errors
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.factors import Recommender
from tests.integration.train.conftest import Lab
from tests.integration.train.ratings import tastes

pytestmark = pytest.mark.long


def rated_once(session: SparkSession, table: pa.Table, **changed: Any) -> Ratings:
    """Return the first rating of each pair in ``table``, laid out as it is."""
    model = Als(kind="als", user="who", item="what", rating="stars", **{"rank": 3, "iterations": 3, **changed})
    rows = session.createDataFrame(table).dropDuplicates(["who", "what"])
    text = rows.selectExpr("who", "string(what) what", "float(stars) stars", f"true {TRAINED}", f"1 {BATCH}")
    return Ratings(text.coalesce(1).sortWithinPartitions("who", "what").cache(), model, table.num_rows, 0, 1)


def fitted(spark: SparkOnDemand, table: pa.Table, **changed: Any) -> Recommender:
    """Return what is fitted to the first ratings."""
    session = spark.session()
    ratings = rated_once(session, table, **changed)
    with scratch_directory(Batch(session, "r", [])) as directory:
        return fit(ratings, vocabulary(ratings), session, directory).recommender


@pytest.mark.parametrize("implicit", [False, True])
def test_the_same_ratings_give_the_same_bits(spark: SparkOnDemand, implicit: bool) -> None:
    table = (
        tastes(600, 5).group_by(["who", "what"]).aggregate([("stars", "max")]).rename_columns(["who", "what", "stars"])
    )
    one = fitted(spark, table, implicit=implicit)
    other = fitted(spark, table.take(np.random.default_rng(0).permutation(len(table))), implicit=implicit)
    assert one.user_factors.tobytes() == other.user_factors.tobytes()
    assert one.item_factors.tobytes() == other.item_factors.tobytes()


def test_what_cannot_be_solved_is_the_batchs_fault(spark: SparkOnDemand) -> None:
    for reg in (1e-300, 1e-12):
        with pytest.raises(DataError, match=r"raise (it|model\.reg)"), spark_errors("store"):
            fitted(spark, tastes(300, 5), rank=8, reg=reg)


def test_as_many_iterations_as_may_be_asked_for(spark: SparkOnDemand) -> None:
    assert fitted(spark, tastes(200, 5), iterations=100).rank == 3


def test_lists_of_many_users_are_made_in_several_tasks(
    spark: SparkOnDemand, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = spark.session()
    ratings, stored = rated_once(session, tastes(600, 5)), []
    with scratch_directory(Batch(session, "r", [])) as directory:
        model = fit(ratings, vocabulary(ratings), session, directory)
        for cells, tasks in ((400, 1), (10**6, 3)):
            monkeypatch.setattr(lists, "_CELLS", cells)
            with lists.best_items(model, ratings) as best:
                assert best.rows.rdd.getNumPartitions() == tasks
                found = lab.store.get(lists.write_lists(best, lab.store, lab.name, f"r{tasks}"))
            assert found is not None
            files = lists_from_json(found[0], "lists").files
            assert len(files) == tasks
            stored.append([row for file in files for row in lab.parquet(file.key).to_pylist()])
    assert stored[0] == stored[1] and len(stored[0]) == len(model.vocabulary.users)


# Spark's own classes of measures open a context that Spark calls old.
@pytest.mark.filterwarnings("ignore:Deprecated in 3.0.0:FutureWarning")
def test_lists_and_errors_are_measured_as_spark_measures_them(spark: SparkOnDemand) -> None:
    rng, context = np.random.default_rng(7), spark.session().sparkContext
    scores = rng.normal(size=(30, 40))
    relevant = {(int(u), int(i)) for u, i in zip(rng.integers(0, 30, 90), rng.integers(0, 40, 90), strict=True)}
    pairs = Pairs.of(*(np.array([cell[i] for cell in relevant]) for i in range(2)))
    found = rank(lambda users: scores[users], 40, pairs, Pairs.of(np.empty(0, np.int64), np.empty(0, np.int64)), 20)
    wanted = [[float(item) for own, item in relevant if own == user] for user in np.unique(pairs.users)]
    told = [(row.astype(float).tolist(), truth) for row, truth in zip(found.items, wanted, strict=True)]
    theirs = RankingMetrics(context.parallelize(told, 1))
    for k in (1, 5, 10, 20):
        assert found.measure("precision", k) == pytest.approx(theirs.precisionAt(k), rel=1e-12)
        assert found.measure("recall", k) == pytest.approx(theirs.recallAt(k), rel=1e-12)
        assert found.measure("ndcg", k) == pytest.approx(theirs.ndcgAt(k), rel=1e-12)
        assert found.measure("map", k) == pytest.approx(theirs.meanAveragePrecisionAt(k), rel=1e-12)
    said, given = rng.normal(size=50), rng.normal(size=50).astype(np.float32)
    both = [(float(one), float(other)) for one, other in zip(said, given, strict=True)]
    spark_says = RegressionMetrics(context.parallelize(both, 1))
    expected = {"rmse": spark_says.rootMeanSquaredError, "mae": spark_says.meanAbsoluteError}
    assert errors(said, given) == pytest.approx(expected, rel=1e-12)
