"""A version's clusters as they are answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from contract.model_version import ClusterStatistics
from scoring.forms import Category, Cyclic, Form
from serving.kinds.clusters.clustering import Clustering


def cluster_statistics(served: Clustering) -> list[dict[str, Any]]:
    """Return per cluster: label, size, share, centroid and each feature's statistics, in the data's own units.

    The centroid has a number for each column of the encoding; of numbers alone these are the features.
    """
    return [
        {
            "cluster": cluster.cluster,
            "label": cluster.label,
            "size": cluster.size,
            "share": cluster.share,
            "centroid": dict(zip(served.encoding.names, cluster.centroid, strict=True)),
            "features": {feature.name: _feature(cluster, feature) for feature in served.encoding.features},
        }
        for cluster in served.statistics
    ]


def _feature(cluster: ClusterStatistics, feature: Form) -> dict[str, Any]:
    if isinstance(feature, Category):
        return asdict(cluster.categories[feature.name])
    if isinstance(feature, Cyclic):
        return asdict(cluster.times[feature.name])
    return asdict(cluster.features[feature.name])
