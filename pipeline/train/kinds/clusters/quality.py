"""Quality of an assignment of points that are in the driver: numpy only, in whatever space the points are given."""

from __future__ import annotations

import numpy as np

from pipeline.train.kinds.clusters.evaluate import balance
from scoring.kmeans import Floats, Integers


@np.errstate(over="ignore", invalid="ignore")
def quality(points: Floats, clusters: Integers, centers: Floats) -> dict[str, float]:
    """Return the measures of ``points`` [n, d] in ``clusters`` [n], whose centres are ``centers`` [k, d].

    All in the space of ``points``; NaN where fewer than two clusters have rows, NaN or infinite where a square has no
    place in a double.
    """
    sizes = np.bincount(clusters, minlength=len(centers))
    square = ((points - centers[clusters]) ** 2).sum(axis=1)
    return {
        "silhouette": silhouette(points, clusters),
        "wssse_per_row": float(square.mean()),
        "cluster_balance": balance(sizes.tolist()),
        "min_cluster_share": float(sizes.min() / len(points)),
    }


@np.errstate(over="ignore", invalid="ignore")
def silhouette(points: Floats, clusters: Integers) -> float:
    """Return the mean silhouette of squared Euclidean distances, as Spark's ClusteringEvaluator defines it.

    Mean squared distances to a cluster follow from its sums, so the cost is n·k·d and not n².
    """
    k = int(clusters.max()) + 1 if len(clusters) else 0
    sizes = np.bincount(clusters, minlength=k).astype(np.float64)
    if np.count_nonzero(sizes) < 2:
        return float("nan")
    sums = np.zeros((k, points.shape[1]))
    np.add.at(sums, clusters, points)
    norms = (points**2).sum(axis=1)
    norm_sums = np.bincount(clusters, weights=norms, minlength=k)
    some = np.maximum(sizes, 1)
    mean = norms[:, None] + (norm_sums / some)[None, :] - 2 * points @ (sums / some[:, None]).T
    rows, own_size = np.arange(len(points)), sizes[clusters]
    # A row is no neighbour of its own.
    within = mean[rows, clusters] * own_size / np.maximum(own_size - 1, 1)
    mean[rows, clusters] = np.inf
    mean[:, sizes == 0] = np.inf
    other = mean.min(axis=1)
    larger = np.maximum(within, other)
    score = (other - within) / np.where(larger > 0, larger, 1)
    return float(np.where((own_size > 1) & (larger > 0), score, 0.0).mean())
