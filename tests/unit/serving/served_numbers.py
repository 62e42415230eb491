"""Versions in memory, for tests of what serves them."""

from __future__ import annotations

from collections.abc import Mapping

from contract.model_version import ClusterStatistics
from scoring.kmeans import Assigner, Scoring
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.kmeans.kind import KIND
from serving.versions.catalogue import Catalogue, Numbers, ServedModel, Version


def scoring(*, width: int = 2, clusters: int = 2, step: float = 10.0, labels: str = "C") -> Scoring:
    """Return numbers whose cluster i lies at ``step`` · i on every axis."""
    return Scoring(
        tuple(f"f{j}" for j in range(width)),
        (0.0,) * width,
        (0.0,) * width,
        (1.0,) * width,
        tuple((step * i,) * width for i in range(clusters)),
        tuple(f"{labels}{i + 1}" for i in range(clusters)),
    )


def version(
    number: int, found: Scoring | None = None, model: str = "m", tags: Mapping[str, str] | None = None
) -> Version:
    """Return a ready version."""
    own = found or scoring()
    statistics = tuple(
        ClusterStatistics(i, label, 1, 0.5, own.centers[i], {}) for i, label in enumerate(own.labels)
    )  # fmt: skip
    numbers = Numbers(KIND, Clustering(Assigner(own), statistics), {})
    return Version(model, number, f"run-{number}", "", "ready", tags or {}, 0, numbers=numbers)


def catalogue(*versions: Version, **aliases: int) -> Catalogue:
    """Return the picture of one model."""
    model = ServedModel(versions[0].model, {each.number: each for each in versions}, aliases)
    return Catalogue({model.name: model}, checked_at=0.0)
