"""Makes a version's golden rows: some of the batch's own, and points built to be hard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np
import pyarrow as pa

from contract.batch import OFFSET, PARTITION
from contract.errors import ModelArtifactError
from contract.model_version import ROW_ID
from pipeline.train.kinds.clusters.assign import Sample, assign, collect
from pipeline.train.kinds.clusters.own_units import unscaled
from pipeline.train.kinds.clusters.typed_points import typed_points
from scoring.arrays import Floats
from scoring.golden import Golden
from scoring.likely import Compared, Likely, LikelyAssigner, compare, disagreements
from scoring.scorer import ClusterNumbers

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import SparkSession

_OWN_ROWS: Final = 120
_PAIRS: Final = 40
_ONE_VALUE: Final = 500
_SEED: Final = 20130101
_LONGEST_SQUARE: Final = 1e300


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def hard_points(scoring: ClusterNumbers, sample: Floats) -> Floats:
    """Return rows [n, d] in the data's own units at which a careless formula errs.

    Rows of the batch, those with missing values first; points on the bisector of two centres and one double
    beside it; the centres themselves; rows of zeros, which Spark assembles into sparse vectors; rows far from all.
    Rows whose distance no double can hold are left out: they are nobody's, and compare with nothing.
    """
    rng = np.random.default_rng(_SEED)
    missing = np.flatnonzero(np.isnan(sample).any(axis=1))[: _OWN_ROWS // 3]
    spread = np.linspace(0, len(sample) - 1, min(_OWN_ROWS, len(sample)), dtype=np.int64)
    own = sample[np.unique(np.concatenate([missing, spread]))]
    points = np.vstack([own, _bisectors(scoring, rng), _zeros(len(scoring.features)), _far(scoring)])
    filled = np.where(np.isnan(points), np.array(scoring.surrogates), points)
    scaled = (filled - np.array(scoring.mean)) / np.where(np.array(scoring.std) == 0, np.inf, scoring.std)
    if scoring.factors:
        scaled *= np.array(scoring.factors)
    return np.asarray(points[(scaled**2).sum(axis=1) < _LONGEST_SQUARE], dtype=np.float64)


def _bisectors(scoring: ClusterNumbers, rng: np.random.Generator) -> Floats:
    pairs = scoring.rivals()
    chosen = rng.permutation(len(pairs))[:_PAIRS]
    scaled = [*np.array(scoring.centers)]
    for one, other in (map(np.array, pairs[index]) for index in chosen):
        middle, direction = (one + other) / 2, other - one
        step = rng.normal(size=len(one))
        along = step - direction * (step @ direction) / (direction @ direction)
        scaled += [middle, middle + along]
    raw = unscaled(scoring, np.array(scaled))
    return np.vstack([raw, np.nextafter(raw, np.inf), np.nextafter(raw, -np.inf)])


def _zeros(width: int) -> Floats:
    one_value = np.eye(width)[np.unique(np.linspace(0, width - 1, min(width, _ONE_VALUE), dtype=np.int64))]
    return np.vstack([np.zeros((1, width)), one_value, np.full((1, width), np.nan)])


def _far(scoring: ClusterNumbers) -> Floats:
    """Return rows thousands of deviations away from the mean, to either side."""
    return np.asarray(np.array(scoring.mean) + np.outer([-1e6, -1e3, 1e3, 1e6], scoring.std))


def make_golden(spark: SparkSession, model: PipelineModel, scoring: ClusterNumbers, sample: Sample) -> Golden:
    """Let Spark assign the hard points of ``scoring`` and return them with its answers."""
    if sample.cells is None:
        points = hard_points(scoring, sample.rows)
        columns = {name: pa.array(points[:, j], from_pandas=True) for j, name in enumerate(scoring.features)}
        found = _answers(spark, model, scoring, pa.table(columns))
        return Golden(scoring.features, found.rows, found.clusters, found.distances, probabilities=found.probabilities)
    found = _answers(spark, model, scoring, typed_points(scoring, sample.cells).table())
    assert found.cells is not None  # noqa: S101 - typed as the sample is
    inputs = scoring.encoding.inputs
    names, types = tuple(each.name for each in inputs), tuple(each.type for each in inputs)
    return Golden(names, found.cells.rows(), found.clusters, found.distances, types, found.probabilities)


def _answers(spark: SparkSession, model: PipelineModel, scoring: ClusterNumbers, points: pa.Table) -> Sample:
    offsets = np.arange(points.num_rows)
    names = {ROW_ID: pa.array([""] * len(offsets)), PARTITION: pa.array(offsets * 0), OFFSET: pa.array(offsets)}
    for name, column in names.items():
        points = points.append_column(name, column)
    return collect(assign(spark.createDataFrame(points).coalesce(1), model, scoring), scoring.encoding)


def check_parity(scoring: ClusterNumbers, golden: Golden, sample: Sample) -> int:
    """Check that numpy answers every row of ``golden`` and of ``sample`` as Spark does.

    Cluster and distance are the same; of a clustering with probabilities they are as `scoring.likely.compare` has it.
    Return how many rows of ``sample`` were set apart.

    Raises
    ------
    ModelArtifactError: it does not, so the version must not be registered.
    """
    assigner = scoring.assigner()
    if sample.probabilities is None:
        clusters, distances = assigner.assign(sample.rows)
        found = Compared((clusters != sample.clusters) | (distances != sample.distances), np.zeros(0, dtype=np.bool_))
        hard = len(golden.disagreements(assigner))
    else:
        likely = cast("LikelyAssigner", assigner)
        found = compare(likely, sample.rows, Likely(sample.clusters, sample.distances, sample.probabilities))
        hard = len(disagreements(golden, likely))
    wrong = int(np.count_nonzero(found.wrong))
    if wrong or hard:
        raise ModelArtifactError(
            f"numpy and Spark disagree on {wrong} of {len(sample.rows)} rows of the batch and on {hard} of "
            f"{len(golden.rows)} golden rows; nothing was registered"
        )
    return int(np.count_nonzero(found.apart))
