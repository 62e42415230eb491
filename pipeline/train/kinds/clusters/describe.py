"""What is written of a clustering beside its numbers: metrics, and what became of the clusters before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from contract.lineage import Lineage
from pipeline.train.kinds.clusters.evaluate import ClusterRows, balance, calinski_harabasz, davies_bouldin
from scoring.scorer import ClusterNumbers


def run_metrics(
    scoring: ClusterNumbers, clusters: Sequence[ClusterRows], silhouette: float, fitting: Mapping[str, float]
) -> dict[str, float]:
    """Return the quality of one clustering on its own rows, in its own scaled space, and how its ``fitting`` went."""
    sizes = [cluster.size for cluster in clusters]
    rows = sum(sizes)
    wssse = math.fsum(cluster.sum_of_squares for cluster in clusters)
    metrics = {
        "silhouette": silhouette,
        "wssse": wssse,
        "wssse_per_row": wssse / rows,
        "davies_bouldin": davies_bouldin(scoring.centers, [cluster.mean_distance for cluster in clusters]),
        "calinski_harabasz": calinski_harabasz(scoring.centers, sizes, wssse),
        "cluster_balance": balance(sizes),
        "min_cluster_share": min(sizes) / rows,
        "max_cluster_share": max(sizes) / rows,
        **fitting,
        "rows": rows,
    }
    for name in scoring.features:
        missing = sum(cluster.features[name].missing for cluster in clusters)
        metrics[f"missing_share/{name}"] = missing / rows
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


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
