"""Bisecting KMeans in a stream file."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from contract.kind import Kind
from contract.kinds.clusters import ClusteringSection, Gate, Identity
from contract.sections import Int, Real


class BisectingKMeans(ClusteringSection):
    """How a batch is clustered by bisecting k-means: one cluster, divided in two again and again."""

    kind: Literal["bisecting-kmeans"]
    k: Int = Field(ge=2, le=1000, description="clusters at most; fewer where none can be divided any more")
    min_divisible: Real = Field(
        default=1.0, gt=0, description="a cluster is divided that has as many rows, or below 1 that share of all"
    )


KIND: Final = Kind(
    name="bisecting-kmeans",
    model=BisectingKMeans,
    gate=Gate,
    identity=Identity,
    training="pipeline.train.kinds.bisecting.kind:BisectingKind",
    serving="serving.kinds.bisecting.kind:KIND",
)
