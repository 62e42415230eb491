"""A Gaussian mixture in a stream file."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from contract.kind import Kind
from contract.kinds.clusters import ClusteringSection, Gate, Identity
from contract.sections import Int, Real

MOST_COMPONENTS: Final = 100
"""Each row gets a probability for each of them."""
MOST_WIDTH: Final = 20
"""Numbers of a row: a covariance has their square, and above some twenty Spark's fit is slow and unstable."""


class GaussianMixture(ClusteringSection):
    """How a batch is clustered as a mixture of normal distributions, each with a mean and a covariance of its own."""

    most_width: ClassVar = MOST_WIDTH

    kind: Literal["gaussian-mixture"]
    k: Int = Field(ge=2, le=MOST_COMPONENTS, description="components, each of them a cluster")
    max_iter: Int = Field(default=100, ge=1, le=1000, description="iterations at most")
    tol: Real = Field(default=0.01, gt=0, description="it ends where the log-likelihood of all rows rises by no more")

    @property
    def fewest(self) -> int:
        """The smallest number of clusters that may come of a batch."""
        return self.k


KIND: Final = Kind(
    name="gaussian-mixture",
    model=GaussianMixture,
    gate=Gate,
    identity=Identity,
    training="pipeline.train.kinds.mixture.kind:MixtureKind",
    serving="serving.kinds.mixture.kind:KIND",
)
