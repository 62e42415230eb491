"""KMeans in a stream file."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from contract.kind import Kind
from contract.kinds.clusters import ClusteringSection, Gate, Identity, K, KRange
from contract.sections import Int, Real


class KMeans(ClusteringSection):
    """How a batch is clustered by k-means."""

    later: ClassVar = frozenset({"kind", "seeds"})

    kind: Literal["kmeans"] = "kmeans"
    k: K = Field(description="number of clusters, or the numbers to try")
    seeds: Int = Field(default=1, ge=1, le=100, description="fits of a fixed k, from seeds that follow each other")
    tol: Real = Field(default=1e-4, gt=0, description="it ends where no centre moves further")

    @model_validator(mode="after")
    def _seeds_once(self) -> KMeans:
        if isinstance(self.k, KRange) and "seeds" in self.model_fields_set:
            raise ValueError("seeds stands beside a fixed k; of a range, write k: {from: …, to: …, seeds: …}")
        return self

    @property
    def fewest(self) -> int:
        """The smallest number of clusters that may come of a batch."""
        return self.k.start if isinstance(self.k, KRange) else self.k

    @property
    def tried_seeds(self) -> range:
        """Seeds from which the k that is trained is fitted; the lowest WSSSE is kept."""
        return range(self.seed, self.seed + (self.k.seeds if isinstance(self.k, KRange) else self.seeds))


KIND: Final = Kind(
    name="kmeans",
    model=KMeans,
    gate=Gate,
    identity=Identity,
    training="pipeline.train.kinds.kmeans.kind:KMeansKind",
    serving="serving.kinds.kmeans.kind:KIND",
)
