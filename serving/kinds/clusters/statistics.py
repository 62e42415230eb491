"""A version's clusters as they are answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from serving.kinds.clusters.clustering import Clustering


def cluster_statistics(served: Clustering) -> list[dict[str, Any]]:
    """Return per cluster: label, size, share, centroid and each feature's statistics, in the data's own units."""
    return [
        {
            "cluster": cluster.cluster,
            "label": cluster.label,
            "size": cluster.size,
            "share": cluster.share,
            "centroid": dict(zip(served.features, cluster.centroid, strict=True)),
            "features": {name: asdict(cluster.features[name]) for name in served.features},
        }
        for cluster in served.statistics
    ]
