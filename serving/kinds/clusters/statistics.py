"""A version's clusters as they are answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from serving.versions.catalogue import Numbers


def cluster_statistics(numbers: Numbers) -> list[dict[str, Any]]:
    """Return per cluster: label, size, share, centroid and each feature's statistics, in the data's own units."""
    features = numbers.scoring.features
    return [
        {
            "cluster": cluster.cluster,
            "label": cluster.label,
            "size": cluster.size,
            "share": cluster.share,
            "centroid": dict(zip(features, cluster.centroid, strict=True)),
            "features": {name: asdict(cluster.features[name]) for name in features},
        }
        for cluster in numbers.statistics
    ]
