"""k centres wherever the rows have k distinct points, and the true reason where they have not."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import DataError
from contract.kinds.clusters import KRange
from contract.kinds.kmeans import KMeans
from contract.stream import Stream
from pipeline.train.kinds.clusters.distinct import distinct_points
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared, prepare
from pipeline.train.kinds.kmeans.choose_k import sweep
from pipeline.train.kinds.kmeans.fit import PARALLEL, RANDOM, fit_kmeans, next_step
from pipeline.train.kinds.kmeans.starts import fit_from_seeds
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.kmeans import Floats
from tests.integration.train.test_parity import stream, table

HEAVY_TAILED = np.repeat([1.0, 2.0, 4.0, 8.0, 100.0, 1e3, 1e5, 1e6], 25)
SHORT, NEXT_IS_FULL, ALL_SHORT = 5, 3, 5
"""Seeds from which Spark's k-means|| finds fewer than five of the eight values."""


def prepared(spark: SparkOnDemand, values: Floats, given: Stream) -> Prepared:
    rows = spark.session().createDataFrame(table(values)).coalesce(1).cache()
    return prepare(rows, tuple(given.inputs), given.section(KMeans).impute)


def test_a_seed_that_falls_short_is_followed_by_others_and_by_distinct_points(spark: SparkOnDemand) -> None:
    given = stream(1, 5)
    batch = prepared(spark, HEAVY_TAILED[:, None], given)
    scaled = batch.rows.select(SCALED)
    assert len(fit_kmeans(scaled, given.section(KMeans), 5, SHORT).centers) < 5
    # One that falls short does not end the others, and the first try stays what it was.
    both = fit_from_seeds(scaled, given.section(KMeans), 5, [SHORT, 11])
    assert (both.seed, both.centers) == (11, fit_kmeans(scaled, given.section(KMeans), 5, 11).centers)
    following = fit_from_seeds(scaled, given.section(KMeans), 5, [NEXT_IS_FULL])
    assert (following.seed, following.start, len(following.centers)) == (NEXT_IS_FULL + 1, PARALLEL, 5)
    drawn = fit_from_seeds(scaled, given.section(KMeans), 5, [ALL_SHORT])
    assert drawn.start == RANDOM and len(set(drawn.centers)) == 5
    assert drawn.centers == fit_kmeans(distinct_points(scaled), given.section(KMeans), 5, drawn.seed, RANDOM).centers
    # Fitted on eight points, but for all two hundred rows.
    points = (HEAVY_TAILED - batch.mean[0]) / batch.std[0]
    square = ((points[:, None] - np.array(drawn.centers)[None, :, 0]) ** 2).min(axis=1)
    assert drawn.wssse == pytest.approx(square.sum(), rel=1e-6)
    with pytest.raises(DataError, match="8 distinct points are fewer than the 9 clusters asked for"):
        fit_from_seeds(scaled, given.section(KMeans), 9, [1])


@pytest.mark.parametrize("seeds", [1, pytest.param(7, marks=pytest.mark.long)])
def test_one_short_seed_does_not_end_a_sweep_nor_do_all_of_them(spark: SparkOnDemand, seeds: int) -> None:
    given = stream(1, 5)
    batch = prepared(spark, HEAVY_TAILED[:, None], given)
    # From this seed alone no k of the range is found by k-means||.
    model = given.section(KMeans).model_copy(update={"seed": ALL_SHORT})
    tried = KRange.model_validate({"from": 5, "to": 6, "seeds": seeds, "min_cluster_share": 0.0})
    found = sweep(batch, len(HEAVY_TAILED), model, tried)
    assert found.k in {5, 6} and all(0 < point.min_cluster_share <= 0.2 for point in found.points)


def test_kmeans_that_was_stopped_is_told_from_one_that_converged(spark: SparkOnDemand) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400, 2))
    given = stream(2, 4)
    stopped = given.section(KMeans).model_copy(update={"max_iter": 1})
    batch = prepared(spark, values, given)
    one = fit_from_seeds(batch.rows.select(SCALED), stopped, 4, [1])
    points = (values - np.array(batch.mean)) / np.array(batch.std)
    centers = np.array(one.centers)
    nearest = ((points[:, None] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)
    moves = [np.linalg.norm(points[nearest == i].mean(axis=0) - centers[i]) for i in range(4)]
    assert one.iterations == 1 and next_step(batch, one) == pytest.approx(max(moves)) and max(moves) > 1e-4
    # As many as it takes, and not one more: at its limit, and converged all the same.
    free = stopped.model_copy(update={"max_iter": 200})
    needed = fit_from_seeds(batch.rows.select(SCALED), free, 4, [1]).iterations
    exact = fit_from_seeds(batch.rows.select(SCALED), free.model_copy(update={"max_iter": needed}), 4, [1])
    assert exact.iterations == needed and next_step(batch, exact) <= free.tol
