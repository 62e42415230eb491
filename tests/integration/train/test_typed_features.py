"""Typed rows: what Spark makes of them, numpy makes, to the last bit, whatever the session's time zone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.clustering import BisectingKMeans as SparkBisecting
from pyspark.ml.clustering import KMeans as SparkKMeans
from pyspark.ml.clustering import KMeansModel
from pyspark.sql import SparkSession

from contract.errors import DataError
from contract.model_version import CLUSTER, statistics_from_json, statistics_to_json
from contract.stream import Stream, parse_stream
from pipeline.train.kinds.bisecting.scaler import fit_away_from_zero
from pipeline.train.kinds.bisecting.tree import tree
from pipeline.train.kinds.clusters import encode, evaluate
from pipeline.train.kinds.clusters import fit_encoding as fit
from pipeline.train.kinds.clusters.assign import assign, collect
from pipeline.train.kinds.clusters.cells import Cells
from pipeline.train.kinds.clusters.fit_encoding import fit_encoding
from pipeline.train.kinds.clusters.hard_points import check_parity, make_golden
from pipeline.train.kinds.clusters.prepare_typed import prepare_typed
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from pipeline.train.kinds.kmeans.fit import Clustering, scoring
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.bisecting import BisectingScoring
from scoring.features import Encoding, Input
from scoring.forms import Cyclic, Log
from scoring.golden import Golden
from scoring.kmeans import Scoring
from tests.integration.train.typed_rows import COLUMNS, FEATURES, landed, typed_rows


def stream(features: str = FEATURES) -> Stream:
    text = f"name: s\ntopic: s\ncolumns:{COLUMNS}cut: {{rows: 9}}\nfeatures:{features}model: {{k: 3}}\n"
    return parse_stream(text, "s.yaml")


def clustering(model: KMeansModel) -> Clustering:
    centers = tuple(tuple(map(float, center)) for center in model.clusterCenters())
    return Clustering(model, centers, wssse=0.0, iterations=1, seed=1)


def kmeans(session: SparkSession, rows: Any, _: Path) -> tuple[Prepared, Any, Any]:
    given = stream()
    prepared = prepare_typed(rows, given.features, given.inputs, "mean")
    model = SparkKMeans(featuresCol=SCALED, predictionCol=CLUSTER, k=4, seed=1).fit(prepared.rows)
    return prepared, model, scoring(prepared, clustering(model), [f"C{i}" for i in range(4)])


def bisecting(session: SparkSession, rows: Any, directory: Path) -> tuple[Prepared, Any, Any]:
    given = stream()
    prepared = prepare_typed(rows, given.features, given.inputs, "median", fit_away_from_zero)
    model = SparkBisecting(featuresCol=SCALED, predictionCol=CLUSTER, k=4, seed=1).fit(prepared.rows)
    found = tree(session, model, str(directory / "tree"))
    scales = prepared.features, prepared.surrogates, prepared.mean, prepared.std
    labels = tuple(f"C{i}" for i in range(sum(not below for below in found.children)))
    typed = prepared.factors, prepared.typed
    return prepared, model, BisectingScoring(*scales, found.nodes, found.children, labels, *typed)


@pytest.mark.parametrize("fitted", [kmeans, bisecting])
def test_clusters_and_distances_are_sparks(spark: SparkOnDemand, tmp_path: Path, fitted: Any) -> None:
    session = spark.session()
    rows = session.createDataFrame(landed(typed_rows(900, 1))).coalesce(1).cache()
    prepared, model, numbers = fitted(session, rows, tmp_path)
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


@pytest.mark.long
def test_every_magnitude_and_every_change_of_a_clock_is_sparks(spark: SparkOnDemand) -> None:
    """Of 200,000 numbers, subnormal ones and the edges of the formula's branches too, and of times to the year 9999."""
    rng, session = np.random.default_rng(5), spark.session()
    bits = rng.integers(0, 2**63, 60_000, dtype=np.uint64).view(np.float64)
    edges = np.array([0.0, 5e-324, 2.0**-54, 2.0**-29, 0.4142136573791504, 1.0, 2.0**20 - 1, 2.0**53, 1e308])
    near = (edges.view(np.int64)[:, None] + np.arange(-300, 300)).ravel()
    wide = np.exp(rng.uniform(-40, 40, 50_000))
    x = np.concatenate([bits[np.isfinite(bits)], near[near >= 0].view(np.float64), wide])
    x = np.concatenate([x, -x])
    times = rng.integers(-62_135_596_800_000_000, 253_402_300_800_000_000, len(x) // 2)
    given = stream()
    cyclic = [feature for feature in given.features if feature.form == "cyclic"]
    zone = fit_encoding(session.createDataFrame(landed(typed_rows(60, 1))), cyclic, {"dep": "datetime"})
    changes = np.array([t for form in zone.features if isinstance(form, Cyclic) for t in form.zone.since_us])
    times = np.concatenate([times, changes, changes - 1, rng.integers(-(10**15), 10**15, len(x))])[: len(x)]
    encoding = Encoding((Input("dist"), Input("dep", "datetime")), (Log("dist", "dist"), *zone.features))
    cells = Cells(encoding, (x[: len(times)], np.array(times.tolist(), dtype=object)))
    found = session.createDataFrame(cells.table()).selectExpr(*encode.columns(encoding)).toArrow()
    mine = cells.encoded(encoding)
    assert len(mine) > 200_000
    for j, name in enumerate(encoding.names):
        theirs = found.column(j).to_numpy()
        differ = np.flatnonzero(theirs.view(np.int64) != mine[:, j].copy().view(np.int64))
        assert not len(differ), (name, x[differ[:3]], times[differ[:3]])
    assert all(encoding.row([a, int(b)]) == row for a, b, row in zip(x[:9], times[:9], mine[:9].tolist(), strict=True))


ROWS = 30
FAULTS = [
    ("carrier", pa.array(["AA"] * ROWS), "feature 'carrier' is constant: every value is 'AA'"),
    ("carrier", pa.nulls(ROWS, pa.string()), "feature 'carrier' has no value in any of the rows"),
    ("carrier", pa.array(["x" * 201, "y" * 999] * (ROWS // 2)), "only values of more than 200 characters"),
    ("carrier", pa.array([f"{n}" for n in range(ROWS)]), "'carrier' as category has 30 distinct values, of which 20"),
    ("dep", pa.nulls(ROWS, pa.timestamp("us", "UTC")), "feature 'dep.hour' has no value in any of the rows"),
    ("dep", pa.array([0] * ROWS, pa.timestamp("us", "UTC")), "'dep.hour' is constant: the hour of every time is 19"),
]


def test_rows_that_cannot_be_encoded_are_told_with_the_feature(
    spark: SparkOnDemand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "MOST_DISTINCT", 20)
    given = stream()
    for column, values, said in FAULTS:
        table = typed_rows(ROWS, 1)
        table = landed(table.set_column(table.schema.get_field_index(column), column, values))
        rows = spark.session().createDataFrame(table)
        with pytest.raises(DataError, match=re.escape(said)):
            fit_encoding(rows, given.features, given.inputs)


def test_numbers_with_weights_are_plain_rows(spark: SparkOnDemand) -> None:
    given, session = stream("\n- {column: dist, weight: 3}\n- delay\n"), spark.session()
    rows = session.createDataFrame(landed(typed_rows(300, 2))).coalesce(1).cache()
    prepared = prepare_typed(rows, given.features, given.inputs, "mean")
    model = SparkKMeans(featuresCol=SCALED, predictionCol=CLUSTER, k=3, seed=1).fit(prepared.rows)
    numbers = scoring(prepared, clustering(model), ["C0", "C1", "C2"])
    sample = collect(assign(prepared.rows, model, numbers), numbers.encoding)
    golden = make_golden(session, PipelineModel(stages=[*prepared.stages, model]), numbers, sample)
    check_parity(numbers, golden, sample)
    assert numbers.encoding.is_plain and numbers.factors == (3.0, 1.0) and not golden.types and sample.cells is None
    assert Scoring.from_json(numbers.to_json()) == numbers
