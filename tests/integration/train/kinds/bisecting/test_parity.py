"""The walk down the tree in numpy is Spark's: every cluster, and every bit of every distance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyspark.ml.clustering import BisectingKMeans, BisectingKMeansModel
from pyspark.mllib.common import _py2java
from pyspark.mllib.linalg import Vectors
from pyspark.sql import SparkSession

from contract.kinds.bisecting import BisectingKMeans as Section
from contract.stream import parse_stream
from pipeline.train.kinds.bisecting.kind import divided
from pipeline.train.kinds.bisecting.scaler import fit_away_from_zero
from pipeline.train.kinds.bisecting.tree import tree
from pipeline.train.kinds.clusters.prepared import prepare
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.train_key import TRAINING_REVISION
from scoring.arrays import Floats, Integers
from scoring.bisecting import BisectingAssigner, BisectingScoring
from tests.integration.train.scaled import Chain, fit_chain
from tests.integration.train.test_parity import deterministic, table

GOLDEN = Path(__file__).parent / "golden_training.json"
TEXT = """
name: golden
topic: golden
columns: {f0: {type: float64}, f1: {type: float64}, f2: {type: float64}}
cut: {rows: 10}
features: [f0, f1, f2]
model: {kind: bisecting-kmeans, k: 5, seed: 3}
"""


def awkward(rng: np.random.Generator, count: int, width: int) -> Floats:
    """Return rows with ties, zeros, huge and tiny numbers and missing values; the last feature is constant."""
    values = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-6, 7, width)
    values[rng.random((count, width)) < 0.2] = 0.0
    values[: count // 4] = rng.integers(-2, 3, (count // 4, width)) / 4.0
    values[:, -1] = 7.0
    values[rng.random((count, width)) < 0.1] = np.nan
    return values


def fitted(
    spark: SparkSession, values: Floats, k: int, directory: Path, *, away_from_zero: bool = True
) -> tuple[Chain, BisectingKMeansModel, BisectingScoring]:
    chain = fit_chain(spark, values, away_from_zero=away_from_zero)
    model = BisectingKMeans(featuresCol="scaled", predictionCol="cluster", k=k, seed=5, maxIter=5).fit(
        chain.scaled(spark, values).cache()
    )
    found = tree(spark, model, str(directory / "model"))
    leaves = sum(not places for places in found.children)
    labels = tuple(f"C{i}" for i in range(leaves))
    scoring = BisectingScoring(
        chain.features, chain.surrogates, chain.mean, chain.std, found.nodes, found.children, labels
    )
    return chain, model, scoring


def near_ties(rng: np.random.Generator, scoring: BisectingScoring, count: int) -> Floats:
    """Return rows between two children of one node and a few doubles beside it, centres and rows far from all."""
    nodes = np.array(scoring.nodes)
    pairs = np.array([places for places in scoring.children if len(places) == 2])
    one, other = np.moveaxis(nodes[pairs[rng.integers(0, len(pairs), count)]], 1, 0)
    direction, step = other - one, rng.normal(size=one.shape) * 10.0 ** rng.integers(-3, 2, (count, 1))
    length = np.maximum((direction**2).sum(1, keepdims=True), 1e-300)
    scaled = (one + other) / 2 + step - direction * ((step * direction).sum(1, keepdims=True) / length)
    raw: Floats = np.vstack([scaled, nodes, nodes * 1e9]) * np.array(scoring.std) + np.array(scoring.mean)
    for _ in range(3):
        towards = rng.choice([-np.inf, np.inf], raw.shape)
        raw = np.where(rng.random(raw.shape) < 0.5, np.nextafter(raw, towards), raw)
    return raw


def spark_says(
    spark: SparkSession, chain: Chain, model: BisectingKMeansModel, values: Floats
) -> tuple[Integers, Floats]:
    """Return the clusters that Spark predicts, and the distances that its own cost of one row has."""
    rows = model.transform(chain.scaled(spark, values)).orderBy("n").select("cluster", "scaled").collect()
    clusters = np.array([row["cluster"] for row in rows], dtype=np.int32)
    parent = getattr(model._java_obj, "org$apache$spark$ml$clustering$BisectingKMeansModel$$parentModel")()
    points = [_py2java(spark.sparkContext, Vectors.dense(row["scaled"].toArray())) for row in rows]
    return clusters, np.sqrt(np.array([parent.computeCost(point) for point in points]))


@pytest.mark.parametrize(("width", "k"), [(2, 6), (6, 5)])
def test_numpy_walks_as_spark_does(spark: SparkOnDemand, tmp_path: Path, width: int, k: int) -> None:
    rng, session = np.random.default_rng(width), spark.session()
    values = awkward(rng, 600, width)
    chain, model, scoring = fitted(session, values, k, tmp_path)
    assert np.array_equal(scoring.centers, np.array(model.clusterCenters())) and len(scoring.centers) > k // 2
    rows = np.vstack([values, near_ties(rng, scoring, 600), np.zeros((1, width)), np.full((1, width), np.nan)])
    clusters, distances = spark_says(session, chain, model, rows)
    assigner = BisectingAssigner(scoring)
    assert assigner.scale(values).mean(axis=0) == pytest.approx([1.0] * (width - 1) + [0.0])
    found, found_distances = assigner.assign(rows)
    assert np.array_equal(found, clusters)
    assert np.array_equal(found_distances, distances)
    assert all(assigner.assign_row(row) == (found[i], found_distances[i]) for i, row in enumerate(rows.tolist()))
    # The rows are as hard as they are meant to be: the nearest leaf of all is another one.
    points, centers = assigner.scale(rows), np.array(scoring.centers)
    nearest = ((points[:, None, :] - centers) ** 2).sum(2).argmin(1)
    assert np.count_nonzero(nearest != clusters) > 20


def test_a_tree_may_have_fewer_leaves(spark: SparkOnDemand, tmp_path: Path) -> None:
    """Fewer distinct rows than leaves; and rows around zero, which Spark cannot divide: nodes with one child."""
    session, rng = spark.session(), np.random.default_rng(1)
    for away_from_zero, distinct, leaves in ((True, 3, 3), (False, 60, 1)):
        values = np.repeat(rng.normal(size=(distinct, 2)), 2, axis=0)
        directory = tmp_path / str(distinct)
        chain, model, scoring = fitted(session, values, 4, directory, away_from_zero=away_from_zero)
        clusters, distances = spark_says(session, chain, model, values)
        found, found_distances = BisectingAssigner(scoring).assign(values)
        assert len(scoring.labels) == len(set(clusters)) == leaves < 4
        assert any(len(places) == 1 for places in scoring.children) == (not away_from_zero)
        assert np.array_equal(found, clusters) and np.array_equal(found_distances, distances)


def trained(spark: SparkSession, directory: Path) -> dict[str, object]:
    """Return the numbers of a tree over rows that no library's random numbers change."""
    section = parse_stream(TEXT, "golden").section(Section)
    rows = spark.createDataFrame(table(deterministic(900))).coalesce(1).cache()
    prepared = prepare(rows, ("f0", "f1", "f2"), section.impute, fit_away_from_zero)
    found = tree(spark, divided(prepared, section), str(directory / "golden"))
    rest = {name: getattr(prepared, name) for name in ("surrogates", "mean", "std")}
    return {**rest, "nodes": found.nodes, "children": [list(places) for places in found.children]}


def test_golden_training(spark: SparkOnDemand, tmp_path: Path) -> None:
    """Fails when the same rows give another tree: raise TRAINING_REVISION then, and write the file anew with
    `python -m tests.integration.train.golden_training`.
    """
    expected, found = json.loads(GOLDEN.read_text()), trained(spark.session(), tmp_path)
    assert expected.pop("revision") == TRAINING_REVISION and expected.pop("children") == found.pop("children")
    for name, numbers in found.items():
        assert np.array(numbers) == pytest.approx(np.array(expected.pop(name)), rel=1e-9, abs=1e-12), name
    assert not expected


@pytest.mark.long
@pytest.mark.parametrize(("width", "k"), [(2, 9), (6, 12)])
def test_a_hundred_thousand_rows_each(spark: SparkOnDemand, tmp_path: Path, width: int, k: int) -> None:
    rng, session = np.random.default_rng(100 + width), spark.session()
    values = awkward(rng, 2_000, width)
    chain, model, scoring = fitted(session, values, k, tmp_path)
    rows = np.vstack([awkward(rng, 50_000, width), near_ties(rng, scoring, 50_000)])
    said = model.transform(chain.scaled(session, rows)).orderBy("n").select("cluster").toArrow().column(0).to_numpy()
    found, _ = BisectingAssigner(scoring).assign(rows)
    assert np.count_nonzero(found != said) == 0
