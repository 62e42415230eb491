"""What is written of a clustering beside its numbers: metrics, and what became of the clusters before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from contract.kinds.clusters import ClusteringSection
from contract.lineage import Lineage
from pipeline.train.kinds.clusters.evaluate import ClusterRows, balance, calinski_harabasz, davies_bouldin
from pipeline.train.kinds.clusters.prepared import RANK_ERROR
from scoring.arrays import Floats
from scoring.scorer import ClusterNumbers


def run_metrics(
    scoring: ClusterNumbers,
    clusters: Sequence[ClusterRows],
    silhouette: float,
    fitting: Mapping[str, float],
    mean: Sequence[float],
) -> dict[str, float]:
    """Return the quality of one clustering on its own rows, in its own scaled space, and how its ``fitting`` went.

    ``mean`` [d] is where the scaler puts the rows' mean.
    """
    sizes = [cluster.size for cluster in clusters]
    rows = sum(sizes)
    wssse = math.fsum(cluster.sum_of_squares for cluster in clusters)
    metrics = {
        "silhouette": silhouette,
        "wssse": wssse,
        "wssse_per_row": wssse / rows,
        "davies_bouldin": davies_bouldin(scoring.centers, [cluster.mean_distance for cluster in clusters]),
        "calinski_harabasz": calinski_harabasz(scoring.centers, sizes, wssse, mean),
        "cluster_balance": balance(sizes),
        "min_cluster_share": min(sizes) / rows,
        "max_cluster_share": max(sizes) / rows,
        **fitting,
        "rows": rows,
    }
    missing = [cluster.missing(scoring.encoding) for cluster in clusters]
    for each in scoring.encoding.inputs:
        metrics[f"missing_share/{each.name}"] = sum(of_cluster[each.name] for of_cluster in missing) / rows
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def likely_metrics(probabilities: Floats, apart: int) -> dict[str, float]:
    """Return how sure a clustering is of its rows, of which ``probabilities`` [n, k] are those of all clusters.

    ``mean_probability`` is that of a row's own cluster, ``probability_entropy`` the mean entropy over its maximum,
    ln k: 0 where every row is surely in one, 1 where all clusters are alike. ``set_apart`` rows are as
    `scoring.likely.Compared` has them.
    """
    # Of x·ln x the limit at 0 is 0.
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    found = {
        "mean_probability": float(probabilities.max(axis=1).mean()),
        "probability_entropy": float(-(probabilities * logs).sum(axis=1).mean()) / math.log(probabilities.shape[1]),
        "set_apart": apart,
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def transitions_table(lineage: Lineage) -> dict[str, list[object]]:
    """Return, by column, what became of each cluster of the version before; nothing for a first version."""
    if not lineage.transitions:
        return {}
    return {
        "transition": [each.kind for each in lineage.transitions],
        "before": [" ".join(each.before) for each in lineage.transitions],
        "after": [" ".join(each.after) for each in lineage.transitions],
        "share": [each.share for each in lineage.transitions],
    }


def preparing_params(section: ClusteringSection) -> dict[str, object]:
    """Return the parameters of what is done to rows before any clustering."""
    exactness = RANK_ERROR if section.impute == "median" else 0
    return {"impute": section.impute, "impute_rank_error": exactness, "max_iter": section.max_iter}


def preparing_sentences(section: ClusteringSection) -> list[str]:
    """Return what has to be said of that."""
    if section.impute != "median":
        return []
    return [
        f"Missing values are replaced by a median whose rank is exact to {RANK_ERROR:.1%} of the values (Spark "
        f"approximates it)."
    ]
