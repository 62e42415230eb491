"""KMeans in a stream file."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from contract.kind import Kind
from contract.kinds.clusters import ClusteringSection, Gate, Identity, K, KRange
from contract.kinds.proposed_features import MOST_CATEGORIES, any_feature, proposed_features
from contract.proposal import MOST_UNLIKELY, Proposal, Table
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


# Few fits: whoever looks at a first version for the first time waits for them.
_MOST_K = 6
_NEEDS: Final = f"a number, a category of {MOST_CATEGORIES} values at most or a time that differs from row to row"


def propose(table: Table) -> Proposal | None:
    """Return what k-means would cluster the rows of a table by; None where no column can be a feature at all."""
    features, left_out = proposed_features(table)
    # Half of the rows of a batch: fewer distinct points than clusters fail it.
    most = min(_MOST_K, table.batch_rows // 2)
    k: object = 2 if most <= 2 else {"from": 2, "to": most, "seeds": 1}
    if features:
        return Proposal(0.5, {"kind": "kmeans", "k": k}, features, left_out)
    if (only := any_feature(table)) is None:
        return None
    note = f"features: no column tells rows apart, so training will find nothing; a clustering needs {_NEEDS}"
    return Proposal(MOST_UNLIKELY, {"kind": "kmeans", "k": k}, [only], left_out, [note])


KIND: Final = Kind(
    name="kmeans",
    model=KMeans,
    gate=Gate,
    identity=Identity,
    training="pipeline.train.kinds.kmeans.kind:KMeansKind",
    serving="serving.kinds.kmeans.kind:KIND",
    propose=propose,
    needs=_NEEDS,
)
