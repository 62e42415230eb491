"""Numbers about one clustering: per-cluster statistics and the usual quality measures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.sql import functions as fn

from contract.model_version import CLUSTER, DISTANCE, ClusterStatistics, FeatureStatistics
from pipeline.train.kinds.clusters import encode, own_units
from pipeline.train.kinds.clusters.encode import MISSING_CODE
from pipeline.train.kinds.clusters.prepared import SCALED
from pipeline.train.read.aggregate import Measures, aggregate
from scoring.features import Encoding
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
    """The rows of one cluster, added up: distances are Euclidean, in the scaled space.

    ``features`` are those that are numbers, logarithms as the numbers that they were; ``counts`` has the rows of each
    category and time by their code (`encode.code`).
    """

    size: int
    mean_distance: float
    sum_of_squares: float
    features: dict[str, FeatureStatistics]
    counts: dict[str, dict[int, int]] = field(default_factory=dict)

    def missing(self, encoding: Encoding) -> dict[str, int]:
        """Return how many cells of each input of ``encoding`` are missing."""
        found = {}
        for feature in encoding.features:
            counted = self.counts.get(feature.name)
            missing = self.features[feature.name].missing if counted is None else counted.get(MISSING_CODE, 0)
            found[feature.column] = missing
        return found


def cluster_rows(assigned: DataFrame, encoding: Encoding, k: int) -> list[ClusterRows]:
    """Return what the rows of each of the ``k`` clusters add up to."""
    whole = [
        fn.count(fn.lit(1)),
        fn.avg(DISTANCE),
        fn.sum(fn.col(DISTANCE) * fn.col(DISTANCE)),
    ]
    each = [fn.avg, fn.stddev_samp, fn.min, fn.max, fn.count]
    columns = {feature.name: feature.column for feature in encode.numbers(encoding)}
    found = aggregate(assigned, [CLUSTER], whole, list(dict.fromkeys(columns.values())), each)
    counts = _counts(assigned, encoding)
    return [
        _added_up(*found.get((i,), ((0, 0.0, 0.0), {})), columns, {name: of[i] for name, of in counts.items()})
        for i in range(k)
    ]


def _added_up(
    whole: Measures,
    of_columns: dict[str, Measures],
    columns: Mapping[str, str],
    counts: dict[str, dict[int, int]],
) -> ClusterRows:
    size, mean_distance, sum_of_squares = whole
    statistics = {}
    for name, column in columns.items():
        mean, std, low, high, present = of_columns.get(column, (None, None, None, None, 0))
        statistics[name] = FeatureStatistics(mean, std, low, high, missing=size - present)
    return ClusterRows(size, mean_distance, sum_of_squares, statistics, counts)


def _counts(assigned: DataFrame, encoding: Encoding) -> dict[str, defaultdict[int, dict[int, int]]]:
    """Return the rows of each category and time, by cluster and code, in one job for all of them."""
    features = encode.counted(encoding)
    found: dict[str, defaultdict[int, dict[int, int]]] = {feature.name: defaultdict(dict) for feature in features}
    if not features:
        return found
    codes = [f"NAMED_STRUCT('feature', {i}, 'code', {encode.code(each)})" for i, each in enumerate(features)]
    each = assigned.select(CLUSTER, fn.expr(f"INLINE(ARRAY({', '.join(codes)}))"))
    for row in each.groupBy(CLUSTER, "feature", "code").count().collect():
        found[features[row["feature"]].name][row[CLUSTER]][row["code"]] = row["count"]
    return found


def statistics(clusters: Sequence[ClusterRows], scoring: ClusterNumbers) -> list[ClusterStatistics]:
    """Return the statistics that travel with the version, centroids in the data's own units."""
    total = sum(cluster.size for cluster in clusters)
    centroids, columns = own_units.in_own_units(scoring), own_units.unscaled(scoring)
    return [
        ClusterStatistics(
            cluster=i,
            label=scoring.labels[i],
            size=cluster.size,
            share=cluster.size / total,
            centroid=tuple(centroids[i].tolist()),
            features=cluster.features,
            **own_units.counted(cluster.counts, cluster.size, scoring.encoding, columns[i].tolist()),
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


def calinski_harabasz(
    centers: Sequence[Sequence[float]], sizes: Sequence[int], wssse: float, mean: Sequence[float]
) -> float:
    """Return the Caliński–Harabasz index (1974): larger is better. ``mean`` [d] is that of all rows."""
    rows, k = sum(sizes), len(centers)
    between = sum(
        size * sum((x - m) * (x - m) for x, m in zip(center, mean, strict=True))
        for size, center in zip(sizes, centers, strict=True)
    )
    within = wssse / (rows - k) if rows > k else 0.0
    return (between / (k - 1)) / within if within > 0 else math.inf
