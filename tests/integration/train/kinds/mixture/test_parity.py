"""The probabilities of a mixture in numpy are Spark's, near to singular covariances and far from all components too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pyspark.ml.clustering import GaussianMixture, GaussianMixtureModel
from pyspark.sql import SparkSession

from pipeline.train.kinds.mixture.components import components
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.arrays import Floats, Integers
from scoring.mixture import EPSILON, TOLERANCE, MixtureAssigner, MixtureScoring
from tests.integration.train.scaled import Chain, fit_chain


def flat(rng: np.random.Generator, count: int) -> Floats:
    """Return rows of three groups whose covariances are singular: booleans, a sum of two features, a constant."""
    group = rng.integers(0, 3, count)
    numbers = np.array([[0.0, 10], [8.0, 90], [-9.0, 50]])[group] + rng.normal(size=(count, 2)) * [1, 8]
    booleans = np.column_stack([rng.random(count) < 0.3, group == 1])
    return np.column_stack([numbers, booleans, numbers.sum(axis=1), np.full(count, 7.0)])


def circular(rng: np.random.Generator, count: int) -> Floats:
    """Return rows with a heavy tail, an hour as sine and cosine and a category in all of its columns."""
    hour, category = rng.integers(0, 24, count) * np.pi / 12, rng.integers(0, 3, count)
    return np.column_stack([np.exp(2 * rng.normal(size=count)), np.sin(hour), np.cos(hour), np.eye(3)[category]])


def fitted(spark: SparkSession, values: Floats, k: int) -> tuple[Chain, GaussianMixtureModel, MixtureScoring]:
    chain = fit_chain(spark, values)
    mixture = GaussianMixture(featuresCol="scaled", predictionCol="cluster", k=k, seed=4, maxIter=15)
    model = mixture.fit(chain.scaled(spark, values).cache())
    found = components(spark, model, chain.features)
    numbers = (found.weights, found.means, found.covariances, found.eigenvalues, found.eigenvectors)
    labels = tuple(f"C{i}" for i in range(k))
    return chain, model, MixtureScoring(chain.features, chain.surrogates, chain.mean, chain.std, *numbers, labels)


def hard(rng: np.random.Generator, scoring: MixtureScoring, values: Floats) -> Floats:
    """Return rows far from every component, rows of no cluster, the means, and rows between two means near a tie."""
    means = np.array(scoring.means) * np.array(scoring.std) + np.array(scoring.mean)
    mixed = rng.permuted(values, axis=0)
    one, other = means[rng.integers(0, len(means), (2, 300))]
    share = np.zeros((300, 1))
    assigner = MixtureAssigner(scoring)
    for step in 0.5 ** np.arange(1, 30):
        clusters, _ = assigner.assign(one + (share + step) * (other - one))
        share[clusters == assigner.assign(one)[0]] += step
    return np.vstack([values[:200] * 50, mixed, values[:20] * 1e9, means, one + share * (other - one)])


def spark_says(spark: SparkSession, chain: Chain, model: GaussianMixtureModel, rows: Floats) -> tuple[Integers, Floats]:
    found = model.transform(chain.scaled(spark, rows)).orderBy("n").select("cluster", "probability").collect()
    return np.array([row["cluster"] for row in found]), np.array([row["probability"].toArray() for row in found])


@pytest.mark.parametrize("make", [flat, circular])
def test_numpy_is_within_the_tolerance(
    spark: SparkOnDemand, make: Callable[[np.random.Generator, int], Floats]
) -> None:
    rng, session = np.random.default_rng(3), spark.session()
    values = make(rng, 900)
    values[::40, 0] = np.nan
    chain, model, scoring = fitted(session, values, 5)
    rows = np.vstack([values, hard(rng, scoring, np.where(np.isnan(values), 0, values))])
    clusters, probabilities = spark_says(session, chain, model, rows)
    assigner = MixtureAssigner(scoring)
    found, _, found_probabilities = assigner.assign_likely(rows)
    tolerance = assigner.tolerance(rows)
    assert np.all(np.abs(found_probabilities - probabilities) <= tolerance[:, None] * probabilities)
    # What is set apart are points built to be hard, and few of these.
    assert np.all(tolerance[: len(values)] == TOLERANCE) and np.mean(tolerance > TOLERANCE) < 0.15
    largest = np.sort(probabilities, axis=1)
    tie = largest[:, -1] - largest[:, -2] <= 2 * tolerance * largest[:, -1]
    assert np.array_equal(found[~tie], clusters[~tie])
    for i in range(0, len(rows), 7):
        alone = assigner.assign_likely(rows[i : i + 1])
        assert alone.probabilities[0] == pytest.approx(probabilities[i], rel=tolerance[i], abs=0)
        assert tie[i] or alone.clusters[0] == clusters[i]
    # The rows are as hard as they are meant to be.
    ranks = [np.count_nonzero(np.array(x) > EPSILON * max(x) * len(x)) for x in scoring.eigenvalues]
    assert min(ranks) < values.shape[1]
    nobody = (probabilities == 1 / 5).all(axis=1)
    assert nobody.sum() > 20 and not found[nobody].any() and not clusters[nobody].any()
    assert np.count_nonzero((largest[:, -1] - largest[:, -2] < 1e-3) & ~nobody) > 10


@pytest.mark.long
@pytest.mark.parametrize("make", [flat, circular])
def test_fifty_thousand_rows_of_each(spark: SparkOnDemand, make: Callable[[np.random.Generator, int], Floats]) -> None:
    rng, session = np.random.default_rng(5), spark.session()
    chain, model, scoring = fitted(session, make(rng, 2_000), 8)
    rows = make(rng, 25_000)
    rows = np.vstack([rows, hard(rng, scoring, rows)])
    clusters, probabilities = spark_says(session, chain, model, rows)
    assigner = MixtureAssigner(scoring)
    found, _, found_probabilities = assigner.assign_likely(rows)
    tolerance = assigner.tolerance(rows)
    assert np.all(np.abs(found_probabilities - probabilities) <= tolerance[:, None] * probabilities)
    largest = np.sort(probabilities, axis=1)
    tie = largest[:, -1] - largest[:, -2] <= 2 * tolerance * largest[:, -1]
    assert np.array_equal(found[~tie], clusters[~tie]) and np.mean(tie[:25_000]) < 0.01
