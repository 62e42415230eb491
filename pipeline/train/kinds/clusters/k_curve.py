"""The measures of a clustering by its number of clusters, and which number they speak for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KPoint:
    """One k on the sample: its best seed's WSSSE per row, silhouette, and the smallest cluster's share of rows."""

    k: int
    wssse_per_row: float
    silhouette: float
    min_cluster_share: float


@dataclass(frozen=True)
class Sweep:
    """The curve, the k that was chosen, and the sentence that says why."""

    points: tuple[KPoint, ...]
    k: int
    reason: str

    def curves(self) -> dict[str, dict[int, float]]:
        """Return each metric's values by k, for MLflow to draw with k as the step."""
        names = ("silhouette", "wssse_per_row", "min_cluster_share")
        return {f"k_search/{name}": {point.k: getattr(point, name) for point in self.points} for name in names}


def choose(points: Sequence[KPoint], min_cluster_share: float) -> tuple[int, str]:
    """Return the k of the highest silhouette among those that keep every cluster large enough, and why.

    Where none does, the k whose smallest cluster is the largest.
    """
    span = f"k = {points[0].k} to {points[-1].k}"
    large = [point for point in points if point.min_cluster_share >= min_cluster_share]
    if not large:
        best = max(points, key=lambda point: (point.min_cluster_share, -point.k))
        return best.k, (
            f"none of {span} keeps every cluster at {min_cluster_share:.1%} of the rows; k = {best.k} comes closest, "
            f"with {best.min_cluster_share:.1%}"
        )
    best = max(large, key=lambda point: (point.silhouette, -point.k))
    return best.k, (
        f"k = {best.k} has the highest silhouette of {span}, {best.silhouette:.3f}, among those whose smallest cluster "
        f"holds {min_cluster_share:.1%} of the rows"
    )
