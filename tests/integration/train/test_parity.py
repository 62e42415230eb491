"""numpy gives every row the cluster that Spark's own transform gives it, and the same distance to the last bit."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml import PipelineModel

from contract.errors import ModelArtifactError
from contract.kinds.kmeans import KMeans
from contract.stream import Stream, parse_stream
from pipeline.train.kinds.clusters.assign import Sample, assign, collect
from pipeline.train.kinds.clusters.hard_points import check_parity, hard_points, make_golden
from pipeline.train.kinds.clusters.prepared import SCALED, prepare
from pipeline.train.kinds.kmeans.fit import scoring
from pipeline.train.kinds.kmeans.starts import fit_from_seeds
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.train_key import TRAINING_REVISION
from scoring.golden import Golden
from scoring.kmeans import MOST_BOUND_NUMBERS, Assigner, Floats, Scoring, _bounds

GOLDEN = Path(__file__).parent / "golden_training.json"
TEXT = """
name: parity
topic: parity
columns: {{{columns}}}
cut: {{rows: 10}}
features: [{features}]
model: {{k: {k}, seed: 3, impute: {impute}}}
"""


def stream(width: int, k: int, impute: str = "mean") -> Stream:
    names = [f"f{j}" for j in range(width)]
    columns = ", ".join(f"{name}: {{type: float64}}" for name in names)
    return parse_stream(TEXT.format(columns=columns, features=", ".join(names), k=k, impute=impute), "parity")


def table(values: Floats) -> pa.Table:
    """Return rows as the trainer reads them: a name, coordinates, features that are null where NaN."""
    count, width = values.shape
    columns = {f"f{j}": pa.array(values[:, j], from_pandas=True) for j in range(width)}
    names = {"_row_id": [str(n) for n in range(count)], "_partition": pa.array([0] * count, pa.int32())}
    return pa.table({**names, "_offset": pa.array(range(count), pa.int64()), **columns})


def fitted(spark: SparkOnDemand, values: Floats, given: Stream) -> tuple[Scoring, Golden, Sample]:
    """Train ``values``; return the numbers, the golden rows and all rows as Spark's whole model assigns them."""
    session = spark.session()
    rows = session.createDataFrame(table(values)).coalesce(1).cache()
    prepared = prepare(rows, tuple(given.inputs), given.section(KMeans).impute)
    k = given.section(KMeans).k
    assert isinstance(k, int)
    clustering = fit_from_seeds(
        prepared.rows.select(SCALED), given.section(KMeans), k, given.section(KMeans).tried_seeds
    )
    numbers = scoring(prepared, clustering, [f"C{i}" for i in range(k)])
    whole = PipelineModel(stages=[*prepared.stages, clustering.model])
    sample = collect(assign(rows, whole, numbers), numbers.encoding)
    return numbers, make_golden(session, whole, numbers, sample), sample


def awkward(rng: np.random.Generator, count: int, width: int) -> Floats:
    """Return rows with ties, repeated values, zeros, huge and tiny numbers, and missing values."""
    values = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-6, 7, width)
    values[rng.random((count, width)) < 0.2] = 0.0
    grid = rng.integers(-2, 3, (count // 4, width)) / 4.0
    values[: len(grid)] = grid
    values[rng.random((count, width)) < 0.1] = np.nan
    return values


@pytest.mark.parametrize(
    ("width", "k", "impute"), [(1, 2, "mean"), (2, 9, "median"), (3, 5, "mean"), (7, 4, "median"), (12, 6, "mean")]
)
def test_numpy_is_spark(spark: SparkOnDemand, width: int, k: int, impute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The widest as if it were very wide: distances over arrays.
    monkeypatch.setattr("pipeline.train.kinds.clusters.assign._BY_COLUMN", 7)
    values = awkward(np.random.default_rng(width), 1200, width)
    numbers, golden, sample = fitted(spark, values, stream(width, k, impute))
    assert len(sample.rows) == 1200 and np.isnan(sample.rows).any()
    check_parity(numbers, golden, sample)
    assert len(golden.rows) >= 100 and np.isnan(golden.rows).all(axis=1).any()
    assert (golden.rows == 0).all(axis=1).any()


def test_numpy_is_spark_where_centres_are_very_many(spark: SparkOnDemand) -> None:
    """Of these Spark knows no distances between centres, and decides near ties in another way."""
    width, k, rng = 60, 130, np.random.default_rng(3)
    assert k * k * width >= MOST_BOUND_NUMBERS
    values = rng.normal(size=(600, width))
    numbers, golden, sample = fitted(spark, values, stream(width, k))
    check_parity(numbers, golden, sample)
    rows = np.vstack([near_ties(rng, numbers, 400), values, np.full((1, width), 1e200)])
    assigner = Assigner(numbers)
    with np.errstate(over="ignore"):
        clusters, distances = assigner.assign(rows)
    alone = [assigner.assign_row(row) for row in rows.tolist()]
    assert [cluster for cluster, _ in alone] == clusters.tolist() and [x for _, x in alone] == distances.tolist()
    # The shortcuts would decide some of them otherwise.
    bound = Assigner(numbers)
    bound._bounds = _bounds(numbers.centers)
    assert len(golden.disagreements(bound)) > 0


def near_ties(rng: np.random.Generator, numbers: Scoring, count: int) -> Floats:
    """Return rows on the bisector of two centres and up to three doubles beside it, some of their values zero."""
    centers = np.array(numbers.centers)
    pairs = rng.integers(0, len(centers), (count, 2))
    one, other = centers[pairs[:, 0]], centers[pairs[:, 1]]
    direction, step = other - one, rng.normal(size=one.shape) * 10.0 ** rng.integers(-3, 2, (count, 1))
    length = np.maximum((direction**2).sum(1, keepdims=True), 1e-300)
    point = (one + other) / 2 + step - direction * ((step * direction).sum(1, keepdims=True) / length)
    raw: Floats = point * np.array(numbers.std) + np.array(numbers.mean)
    for _ in range(3):
        towards = rng.choice([-np.inf, np.inf], raw.shape)
        raw = np.where(rng.random(raw.shape) < 0.5, np.nextafter(raw, towards), raw)
    raw[rng.random(raw.shape) < 0.05] = 0.0
    return raw


@pytest.mark.long
@pytest.mark.parametrize(("width", "k"), [(1, 3), (2, 9), (5, 5), (12, 6), (8, 400)])
def test_a_quarter_of_a_million_points_each(spark: SparkOnDemand, width: int, k: int) -> None:
    """Five times 250,000 fuzzed and near-tie points, a model each: no cluster and no bit of a distance differs."""
    rng = np.random.default_rng(100 + width)
    session, given = spark.session(), stream(width, k)
    training = session.createDataFrame(table(awkward(rng, 2_000, width))).coalesce(1).cache()
    prepared = prepare(training, tuple(given.inputs), "mean")
    clustering = fit_from_seeds(
        prepared.rows.select(SCALED), given.section(KMeans), k, given.section(KMeans).tried_seeds
    )
    numbers = scoring(prepared, clustering, [f"C{i}" for i in range(k)])
    points = np.vstack([awkward(rng, 125_000, width), near_ties(rng, numbers, 125_000)])
    whole = PipelineModel(stages=[*prepared.stages, clustering.model])
    answers = collect(assign(session.createDataFrame(table(points)), whole, numbers), numbers.encoding)
    assert len(answers.rows) == 250_000
    assigner = Assigner(numbers)
    clusters, distances = assigner.assign(answers.rows)
    assert np.count_nonzero(clusters != answers.clusters) == 0
    assert np.count_nonzero(distances != answers.distances) == 0
    # A few rows at a time take another way through the code.
    for i in range(0, 250_000, 50):
        assert assigner.assign_row(answers.rows[i].tolist()) == (answers.clusters[i], answers.distances[i])
    # The points are as hard as they are meant to be: another order of the same additions errs.
    matrix, scaled = np.array(numbers.centers), assigner.scale(answers.rows)
    square = (scaled**2).sum(1)[:, None] + (matrix**2).sum(1)[None, :] - 2 * scaled @ matrix.T
    assert np.count_nonzero(square.argmin(1) != answers.clusters) > 100


def test_golden_rows_hold_points_that_a_careless_formula_gets_wrong(spark: SparkOnDemand) -> None:
    """Without them the check would pass whatever the order of the additions is."""
    wrong = 0
    for seed in range(4):
        values = awkward(np.random.default_rng(seed), 600, 5)
        numbers, golden, _ = fitted(spark, values, stream(5, 8))
        centers, std = np.array(numbers.centers), np.array(numbers.std)
        filled = np.where(np.isnan(golden.rows), np.array(numbers.surrogates), golden.rows)
        points = (filled - np.array(numbers.mean)) / std
        square = (points**2).sum(1)[:, None] + (centers**2).sum(1)[None, :] - 2 * points @ centers.T
        wrong += int(np.count_nonzero(square.argmin(1) != golden.clusters))
    assert wrong > 0


def test_a_disagreement_forbids_registering(spark: SparkOnDemand) -> None:
    values = awkward(np.random.default_rng(1), 300, 3)
    numbers, golden, sample = fitted(spark, values, stream(3, 3))
    other = dataclasses.replace(sample, distances=np.nextafter(sample.distances, np.inf))
    with pytest.raises(ModelArtifactError, match="disagree on 300 of 300 rows"):
        check_parity(numbers, golden, other)


def test_hard_points_keep_their_number_in_bounds() -> None:
    numbers = Scoring(("a",), (0.0,), (0.0,), (1.0,), tuple((float(i),) for i in range(40)), tuple(map(str, range(40))))
    assert 100 < len(hard_points(numbers, np.zeros((5, 1)))) < 500


def deterministic(count: int) -> Floats:
    """Return rows that no library's random numbers change."""
    state, values = 12345, np.empty((count, 3))
    for n in range(count):
        for j in range(3):
            state = (1103515245 * state + 12345) % 2**31
            values[n, j] = (n % 3) * (5 + j) + state / 2**31
    values[::17, 1] = np.nan
    return values


def test_golden_training(spark: SparkOnDemand) -> None:
    """Fails when the same rows give other numbers: raise TRAINING_REVISION then, and write the file anew with
    `python -m tests.integration.train.golden_training`.
    """
    expected = json.load(io.StringIO(GOLDEN.read_text()))
    numbers, _, sample = fitted(spark, deterministic(900), stream(3, 3))
    assert expected["revision"] == TRAINING_REVISION
    for name in ("surrogates", "mean", "std", "centers"):
        assert np.array(getattr(numbers, name)) == pytest.approx(np.array(expected[name]), rel=1e-9, abs=1e-12), name
    assert np.bincount(sample.clusters).tolist() == expected["sizes"]
