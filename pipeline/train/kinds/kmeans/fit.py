"""Fits KMeans on prepared rows, and takes the fitted numbers out."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.stat import Summarizer
from pyspark.sql import functions as fn

from contract.kinds.kmeans import KMeans as KMeansSection
from contract.model_version import CLUSTER
from pipeline.train.kinds.clusters.distinct import WEIGHT
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from scoring.kmeans import Scoring

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

logger = logging.getLogger(__name__)

# Spark's names for how KMeans chooses the centres it begins with.
PARALLEL: Final = "k-means||"
RANDOM: Final = "random"


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


def fit_kmeans(scaled: DataFrame, model: KMeansSection, k: int, seed: int, start: str = PARALLEL) -> Clustering:
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


def scoring(prepared: Prepared, clustering: Clustering, labels: Sequence[str]) -> Scoring:
    """Return the numbers that predict without Spark."""
    return Scoring(
        features=prepared.features,
        surrogates=prepared.surrogates,
        mean=prepared.mean,
        std=prepared.std,
        centers=clustering.centers,
        labels=tuple(labels),
        factors=prepared.factors,
        typed=prepared.typed,
    )
