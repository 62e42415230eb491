"""Fits cast → impute → assemble → scale → KMeans, and takes the fitted numbers out."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark import StorageLevel
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.feature import (
    Imputer,
    ImputerModel,
    SQLTransformer,
    StandardScaler,
    StandardScalerModel,
    VectorAssembler,
)
from pyspark.ml.stat import Summarizer
from pyspark.sql import functions as fn

from contract.batch import OFFSET, PARTITION
from contract.model_version import CLUSTER, ROW_ID
from contract.stream import Model, Stream
from scoring.kmeans import Scoring

if TYPE_CHECKING:
    from pyspark.ml.base import Transformer
    from pyspark.sql import DataFrame

logger = logging.getLogger(__name__)

# Names that no column of a stream can have: theirs begin with a letter.
ASSEMBLED: Final = "_assembled"
SCALED: Final = "_scaled"
WEIGHT: Final = "_weight"

# Spark's names for how KMeans chooses the centres it begins with.
PARALLEL: Final = "k-means||"
RANDOM: Final = "random"

RANK_ERROR: Final = 0.001
"""Of the median that Imputer approximates: its rank among n values is within this share of n of the middle."""


@dataclass(frozen=True)
class Prepared:
    """A batch with every stage but the last fitted: ``rows`` carry the scaled vector and are cached."""

    stages: tuple[Transformer, ...]
    rows: DataFrame
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def scales(self) -> list[tuple[float, float, float]]:
        """Surrogate, mean and deviation of each feature."""
        return list(zip(self.surrogates, self.mean, self.std, strict=True))


@dataclass(frozen=True)
class Clustering:
    """A fitted KMeans: what it cost and how often it iterated, beside its numbers.

    Spark may give fewer centres than were asked for. ``start`` is how it was let choose the first ones.
    """

    model: KMeansModel
    centers: tuple[tuple[float, ...], ...]
    wssse: float
    iterations: int
    seed: int
    start: str = PARALLEL


def _cast(name: str) -> str:
    return f"_double_{name}"


def _imputed(name: str) -> str:
    return f"_imputed_{name}"


def prepare(rows: DataFrame, stream: Stream) -> Prepared:
    """Fit the stages before KMeans on ``rows``, which are best cached."""
    features = stream.features
    casts = ", ".join(f"CAST(`{name}` AS DOUBLE) AS `{_cast(name)}`" for name in features)
    pipeline = Pipeline(
        stages=[
            # Imputer truncates its surrogate on integer columns.
            SQLTransformer(statement=f"SELECT *, {casts} FROM __THIS__"),  # noqa: S608 - names match the contract
            Imputer(
                strategy=stream.model.impute,
                inputCols=[_cast(name) for name in features],
                outputCols=[_imputed(name) for name in features],
                relativeError=RANK_ERROR,
            ),
            VectorAssembler(inputCols=[_imputed(name) for name in features], outputCol=ASSEMBLED),
            StandardScaler(inputCol=ASSEMBLED, outputCol=SCALED, withMean=True, withStd=True),
        ]
    )
    fitted = pipeline.fit(rows)
    scaled = fitted.transform(rows).select(ROW_ID, PARTITION, OFFSET, *features, SCALED)
    scaled.persist(StorageLevel.MEMORY_AND_DISK)
    imputer, scaler = fitted.stages[1], fitted.stages[3]
    assert isinstance(imputer, ImputerModel)  # noqa: S101 - the order of the stages above
    assert isinstance(scaler, StandardScalerModel)  # noqa: S101
    surrogates = imputer.surrogateDF.first()
    assert surrogates is not None  # noqa: S101 - always one row
    return Prepared(
        stages=tuple(fitted.stages),
        rows=scaled,
        surrogates=tuple(float(surrogates[_cast(name)]) for name in features),
        mean=tuple(float(x) for x in scaler.mean.toArray()),
        std=tuple(float(x) for x in scaler.std.toArray()),
    )


def fit_kmeans(scaled: DataFrame, model: Model, k: int, seed: int, start: str = PARALLEL) -> Clustering:
    """Fit KMeans with ``k`` clusters on ``scaled``: its columns are ``SCALED`` and, where rows weigh more, ``WEIGHT``.

    A projection of cached rows is best: KMeans then keeps its own points, with their norms, while it iterates.
    """
    kmeans = KMeans(featuresCol=SCALED, predictionCol=CLUSTER, k=k, seed=seed, maxIter=model.max_iter, tol=model.tol)
    if start != PARALLEL:
        kmeans.setInitMode(start)
    if WEIGHT in scaled.columns:
        kmeans.setWeightCol(WEIGHT)
    fitted = kmeans.fit(scaled)
    centers = tuple(tuple(float(x) for x in center) for center in fitted.clusterCenters())
    summary = fitted.summary
    return Clustering(fitted, centers, float(summary.trainingCost), int(summary.numIter), seed, start)


def next_step(prepared: Prepared, clustering: Clustering) -> float:
    """Return how far, in the scaled space, the centre that moves farthest would move in one more iteration."""
    assigned = clustering.model.transform(prepared.rows)
    means = assigned.groupBy(CLUSTER).agg(Summarizer.mean(fn.col(SCALED)).alias("mean")).collect()
    return max(math.dist(clustering.centers[row[CLUSTER]], row["mean"].toArray()) for row in means)


def pipeline_model(prepared: Prepared, clustering: Clustering) -> PipelineModel:
    """Return all stages as one Spark model whose input columns are the raw features."""
    return PipelineModel(stages=[*prepared.stages, clustering.model])


def scoring(prepared: Prepared, clustering: Clustering, stream: Stream, labels: Sequence[str]) -> Scoring:
    """Return the numbers that predict without Spark."""
    return Scoring(
        features=stream.features,
        surrogates=prepared.surrogates,
        mean=prepared.mean,
        std=prepared.std,
        centers=clustering.centers,
        labels=tuple(labels),
    )
