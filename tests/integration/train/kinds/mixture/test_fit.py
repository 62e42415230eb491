"""A mixture is fitted, proved and refused: rows far from all components, components without width, too few points."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from pyspark.ml.functions import array_to_vector
from pyspark.sql.functions import col

from contract.batch import Manifest
from contract.errors import DataError, ModelArtifactError
from contract.kinds.mixture import GaussianMixture
from pipeline.train.kinds.clusters.assign import assign
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared, prepare
from pipeline.train.kinds.clusters.trained import Trained, prove
from pipeline.train.kinds.mixture.components import _eigen, refuse_failure, refuse_no_numbers
from pipeline.train.kinds.mixture.fit import fit_mixture
from pipeline.train.kinds.mixture.kind import _scoring
from pipeline.train.read.spark_errors import spark_errors
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.stopwatch import Stopwatch
from scoring.arrays import Floats
from scoring.features import Encoding
from scoring.likely import disagreements
from scoring.mixture import MixtureScoring
from tests.integration.train.test_parity import table

FEATURES = ("f0", "f1", "f2", "f3")


def grouped(count: int) -> Floats:
    """Return rows of three groups: a number, one with missing values, a boolean, and a sum of two, without width."""
    rng = np.random.default_rng(2)
    group = rng.integers(0, 3, count)
    numbers = np.array([[0.0, 10], [8.0, 90], [-9.0, 50]])[group] + rng.normal(size=(count, 2))
    values = np.column_stack([numbers, group == 1, numbers.sum(axis=1)])
    values[::20, 1] = np.nan
    return values


def prepared(spark: SparkOnDemand, values: Floats) -> Prepared:
    rows = spark.session().createDataFrame(table(values)).coalesce(1).cache()
    return prepare(rows, FEATURES[: values.shape[1]], "mean")


def mixture(k: int, **more: object) -> GaussianMixture:
    return GaussianMixture.model_validate({"kind": "gaussian-mixture", "k": k, "max_iter": 10, **more})


def trained(spark: SparkOnDemand, values: Floats, k: int) -> Trained:
    batch = prepared(spark, values)
    fit = fit_mixture(spark.session(), batch, mixture(k), FEATURES)
    scoring = _scoring(batch, fit.components, tuple(f"C{i}" for i in range(k)))
    return Trained(batch, fit.model, scoring, [], assign(batch.rows, fit.model, scoring), len(values))


def test_it_is_proved_on_its_rows_and_far_from_all_of_them(spark: SparkOnDemand) -> None:
    values = grouped(600)
    found = trained(spark, values, 4)
    proof = prove(spark.session(), found, Stopwatch())
    golden, sample = proof.golden, proof.sample
    assert len(sample.rows) == 600 and proof.apart < 30
    assert sample.probabilities is not None and sample.probabilities.shape == (600, 4)
    assert golden.probabilities is not None and len(golden.probabilities) == len(golden.rows)
    nobody = (golden.probabilities == 1 / 4).all(axis=1)
    assert nobody.sum() >= 2 and not golden.clusters[nobody].any()
    # On both sides of where the cluster changes, and on it.
    largest = np.sort(golden.probabilities, axis=1)
    assert np.count_nonzero((largest[:, -1] - largest[:, -2] < 1e-6) & ~nobody) >= 3
    inside = sample.of(cast("Manifest", SimpleNamespace(offsets={0: (100, 200)})))
    assert inside.probabilities is not None and len(inside.probabilities) == len(inside.rows) == 100
    # What numpy answers otherwise is registered by nobody.
    assert isinstance(found.scoring, MixtureScoring) and not disagreements(golden, found.scoring.assigner())
    other = dataclasses.replace(found.scoring, weights=tuple(reversed(found.scoring.weights)))
    with pytest.raises(ModelArtifactError, match=r"numpy and Spark disagree on .* of 600 rows"):
        prove(spark.session(), dataclasses.replace(found, scoring=other), Stopwatch())


def test_rows_that_make_no_mixture_are_told(spark: SparkOnDemand) -> None:
    few = np.repeat(np.random.default_rng(1).normal(size=(3, 2)), 20, axis=0)
    with pytest.raises(DataError, match="3 distinct points are fewer than the 4 clusters asked for"):
        fit_mixture(spark.session(), prepared(spark, few), mixture(4), FEATURES)
    # Three of three: each component has no width at all, as Spark has it.
    assert len(prove(spark.session(), trained(spark, np.column_stack([few, few]), 3), Stopwatch()).golden.rows)
    session = spark.session()
    huge = session.sql("SELECT array(double(n) * 1e200, double(-n) * 1e200) AS v FROM range(9) AS t(n)")
    absurd = Prepared(
        (), huge.select(array_to_vector(col("v")).alias(SCALED)), (0, 0), (0, 0), (1, 1), Encoding.plain(FEATURES)
    )
    with pytest.raises(DataError, match="MatrixNotSymmetricException"), spark_errors("http://store:9000"):
        fit_mixture(session, absurd, mixture(2), FEATURES)


def test_numbers_that_are_none_are_told_by_their_feature(spark: SparkOnDemand) -> None:
    one, weights, means = ((1.0, 0.0), (0.0, 1.0)), (0.5, 0.5), ((0.0, 0.0), (1.0, 1.0))
    refuse_no_numbers(weights, means, (one, one), ("a", "b"))
    with pytest.raises(DataError, match="of feature 'b' that are no numbers"):
        refuse_no_numbers(weights, ((0.0, 0.0), (0.0, np.nan)), (one, one), ("a", "b"))
    with pytest.raises(DataError, match="of feature 'a' that are no numbers"):
        refuse_no_numbers(weights, means, (one, ((np.inf, 0.0), (0.0, 1.0))), ("a", "b"))
    with pytest.raises(DataError, match="covariances that are no numbers"):
        refuse_no_numbers((np.nan, 1.0), means, (one, one), ("a", "b"))
    # LAPACK as Spark calls it, and what it says of what it cannot decompose.
    values, vectors = _eigen(spark.session(), ((2.0, 1.0), (1.0, 2.0)))
    assert values == pytest.approx((1, 3)) and np.abs(vectors) == pytest.approx(np.full((2, 2), 0.5**0.5))
    with pytest.raises(DataError, match="LAPACK's dsyev ends with info 2"):
        refuse_failure(2)
