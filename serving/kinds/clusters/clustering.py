"""A loaded version of a clustering."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contract.lineage import Lineage
from contract.model_version import ClusterStatistics
from scoring.features import Encoding
from scoring.likely import LikelyAssigner
from scoring.scorer import ClusterAssigner
from serving.kinds.clusters.example import example
from serving.kinds.clusters.predictor import ClusterPredictor
from serving.kinds.clusters.tensors import outputs
from serving.rows_in.cells import Inputs
from serving.versions.catalogue import Version


@dataclass(frozen=True)
class Clustering:
    """What a ready version answers with; ``lineage`` is None where its training recorded none.

    ``likely`` is the assigner, where it has a probability for each cluster.
    """

    assigner: ClusterAssigner
    statistics: tuple[ClusterStatistics, ...]
    lineage: Lineage | None = None
    likely: LikelyAssigner | None = None

    @property
    def inputs(self) -> Inputs:
        """What a row has."""
        return self.predictor.inputs

    @property
    def encoding(self) -> Encoding:
        """How a row's cells become the model's numbers."""
        return self.assigner.scoring.encoding

    @cached_property
    def example(self) -> dict[str, Any]:
        """A plausible row."""
        return example(self.assigner.scoring)

    @cached_property
    def predictor(self) -> ClusterPredictor:
        """What answers requests."""
        return ClusterPredictor(self.assigner, self.likely)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The tensors of an answer."""
        return outputs(None if self.likely is None else len(self.assigner.scoring.labels))

    @property
    def described(self) -> dict[str, int]:
        """How many clusters there are."""
        return {"clusters": len(self.assigner.scoring.labels)}

    def takes_the_rows_of(self, other: object) -> bool:
        """Return whether what is asked of ``other`` can be asked of this one."""
        return isinstance(other, Clustering) and [*other.inputs.items()] == [*self.inputs.items()]


def clustering(version: Version) -> Clustering:
    """Return the clustering that a version is.

    Raises
    ------
    VersionUnavailableError: it is not ready.
    """
    served = version.required_numbers().served
    assert isinstance(served, Clustering)  # noqa: S101 - asked of versions of a clustering
    return served
