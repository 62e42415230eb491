"""Numbers about one clustering: per-cluster statistics and the usual quality measures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.sql import functions as fn

from contract.model_version import CLUSTER, DISTANCE, ClusterStatistics, FeatureStatistics
from pipeline.train.kinds.clusters.prepared import SCALED
from pipeline.train.read.aggregate import Measures, aggregate
from scoring.scorer import ClusterNumbers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def silhouette(scaled: DataFrame) -> float:
    """Return Spark's silhouette of squared Euclidean distances; ``scaled`` has the scaled vector and the cluster."""
    return float(
        ClusteringEvaluator(featuresCol=SCALED, predictionCol=CLUSTER).evaluate(scaled.select(SCALED, CLUSTER))
    )


@dataclass(frozen=True)
class ClusterRows:
    """The rows of one cluster, added up: distances are Euclidean, in the scaled space."""

    size: int
    mean_distance: float
    sum_of_squares: float
    features: dict[str, FeatureStatistics]


def cluster_rows(assigned: DataFrame, features: Sequence[str], k: int) -> list[ClusterRows]:
    """Return what the rows of each of the ``k`` clusters add up to."""
    whole = [
        fn.count(fn.lit(1)),
        fn.avg(DISTANCE),
        fn.sum(fn.col(DISTANCE) * fn.col(DISTANCE)),
    ]
    each = [fn.avg, fn.stddev_samp, fn.min, fn.max, fn.count]
    found = aggregate(assigned, [CLUSTER], whole, features, each)
    return [_added_up(*found.get((i,), ((0, 0.0, 0.0), {})), features) for i in range(k)]


def _added_up(whole: Measures, of_features: dict[str, Measures], features: Sequence[str]) -> ClusterRows:
    size, mean_distance, sum_of_squares = whole
    statistics = {}
    for name in features:
        mean, std, low, high, present = of_features.get(name, (None, None, None, None, 0))
        statistics[name] = FeatureStatistics(mean, std, low, high, missing=size - present)
    return ClusterRows(size, mean_distance, sum_of_squares, statistics)


def statistics(clusters: Sequence[ClusterRows], scoring: ClusterNumbers) -> list[ClusterStatistics]:
    """Return the statistics that travel with the version, centroids in the data's own units."""
    total = sum(cluster.size for cluster in clusters)
    return [
        ClusterStatistics(
            cluster=i,
            label=scoring.labels[i],
            size=cluster.size,
            share=cluster.size / total,
            centroid=tuple(
                z * std + mean for z, std, mean in zip(scoring.centers[i], scoring.std, scoring.mean, strict=True)
            ),
            features=cluster.features,
        )
        for i, cluster in enumerate(clusters)
    ]


def balance(sizes: Sequence[int]) -> float:
    """Return the entropy of the cluster shares over its maximum, ln k: 1 where all clusters are equally large."""
    total = sum(sizes)
    shares = [size / total for size in sizes if size]
    return -sum(share * math.log(share) for share in shares) / math.log(len(sizes))


def davies_bouldin(centers: Sequence[Sequence[float]], spreads: Sequence[float]) -> float:
    """Return the Davies–Bouldin index (1979, q = 1, p = 2): smaller is better."""
    worst = [
        max(
            (
                (spreads[i] + spreads[j]) / math.dist(centers[i], centers[j])
                for j in range(len(centers))
                if j != i and centers[i] != centers[j]
            ),
            default=0.0,
        )
        for i in range(len(centers))
    ]
    return sum(worst) / len(worst)


def calinski_harabasz(centers: Sequence[Sequence[float]], sizes: Sequence[int], wssse: float) -> float:
    """Return the Caliński–Harabasz index (1974): larger is better.

    The rows' mean is the origin of the scaled space, whose scaler was fitted on them.
    """
    rows, k = sum(sizes), len(centers)
    between = sum(size * sum(x * x for x in center) for size, center in zip(sizes, centers, strict=True))
    within = wssse / (rows - k) if rows > k else 0.0
    return (between / (k - 1)) / within if within > 0 else math.inf
