"""Typed rows: what Spark makes of them, numpy makes, to the last bit, whatever the session's time zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.clustering import BisectingKMeans as SparkBisecting
from pyspark.ml.clustering import KMeans as SparkKMeans
from pyspark.sql import SparkSession

from contract.model_version import CLUSTER, statistics_from_json, statistics_to_json
from contract.stream import Stream, parse_stream
from pipeline.train.kinds.bisecting.scaler import fit_away_from_zero
from pipeline.train.kinds.bisecting.tree import tree
from pipeline.train.kinds.clusters import evaluate
from pipeline.train.kinds.clusters.assign import assign, collect
from pipeline.train.kinds.clusters.hard_points import check_parity, make_golden
from pipeline.train.kinds.clusters.prepare_typed import prepare_typed
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.bisecting import BisectingScoring
from scoring.golden import Golden
from scoring.kmeans import Scoring
from tests.integration.train.typed_rows import COLUMNS, FEATURES, landed, typed_rows


def stream(features: str = FEATURES) -> Stream:
    text = f"name: s\ntopic: s\ncolumns:{COLUMNS}cut: {{rows: 9}}\nfeatures:{features}model: {{k: 3}}\n"
    return parse_stream(text, "s.yaml")


def kmeans(session: SparkSession, rows: Any, _: Path) -> tuple[Prepared, Any, Any]:
    given = stream()
    prepared = prepare_typed(rows, given.features, given.inputs, "mean")
    model = SparkKMeans(featuresCol=SCALED, predictionCol=CLUSTER, k=4, seed=1).fit(prepared.rows)
    centers = tuple(tuple(map(float, center)) for center in model.clusterCenters())
    scales = prepared.features, prepared.surrogates, prepared.mean, prepared.std
    labels = tuple(f"C{i}" for i in range(len(centers)))
    return prepared, model, Scoring(*scales, centers, labels, prepared.factors, prepared.typed)


def bisecting(session: SparkSession, rows: Any, directory: Path) -> tuple[Prepared, Any, Any]:
    given = stream()
    prepared = prepare_typed(rows, given.features, given.inputs, "median", fit_away_from_zero)
    model = SparkBisecting(featuresCol=SCALED, predictionCol=CLUSTER, k=4, seed=1).fit(prepared.rows)
    found = tree(session, model, str(directory / "tree"))
    scales = prepared.features, prepared.surrogates, prepared.mean, prepared.std
    labels = tuple(f"C{i}" for i in range(sum(not below for below in found.children)))
    typed = prepared.factors, prepared.typed
    return prepared, model, BisectingScoring(*scales, found.nodes, found.children, labels, *typed)


@pytest.mark.parametrize("fit", [kmeans, bisecting])
def test_clusters_and_distances_are_sparks(spark: SparkOnDemand, tmp_path: Path, fit: Any) -> None:
    session = spark.session()
    rows = session.createDataFrame(landed(typed_rows(900, 1))).coalesce(1).cache()
    prepared, model, numbers = fit(session, rows, tmp_path)
    assigned = assign(prepared.rows, model, numbers).cache()
    sample = collect(assigned, numbers.encoding)
    whole = PipelineModel(stages=[*prepared.stages, model])
    golden = make_golden(session, whole, numbers, sample)
    check_parity(numbers, golden, sample)
    assert len(golden.rows) > 150 and len(set(golden.clusters.tolist())) > 1
    # The numbers and the hard rows survive their files, and a wrong bit is seen.
    again = type(numbers).from_json(numbers.to_json())
    kept = Golden.from_json(golden.to_json())
    assert again == numbers and not kept.disagreements(again.assigner())
    kept.distances[7] = np.nextafter(kept.distances[7], np.inf)
    assert kept.disagreements(again.assigner()) == [7]
    # The encoded columns are Spark's own, not only the distances that come of them.
    encoded = (
        prepared.stages[0]
        .transform(rows)
        .orderBy("_offset")
        .select(*(f"_encoded_{j}" for j in range(numbers.encoding.width)))
        .toArrow()
    )
    mine = sample.rows
    for j, name in enumerate(numbers.features):
        theirs = encoded.column(j).to_numpy()
        assert np.array_equal(theirs, mine[:, j], equal_nan=True), name
    # Read from its files in a session of another time zone, Spark says the same of the raw rows.
    whole.write().overwrite().save(str(tmp_path / "model"))
    session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        loaded = PipelineModel.load(str(tmp_path / "model"))
        said = loaded.transform(rows).orderBy("_offset").select(CLUSTER).toArrow()[CLUSTER].to_numpy()
    finally:
        session.conf.set("spark.sql.session.timeZone", "UTC")
    assert np.array_equal(said, sample.clusters)
    clusters = evaluate.cluster_rows(assigned, numbers.encoding, len(numbers.labels))
    told = evaluate.statistics(clusters, numbers)
    assert statistics_from_json(statistics_to_json(told), "s") == told
