"""What serving needs of a clustering; all that one clustering adds is how its numbers are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from scoring.golden import Golden
from scoring.scorer import ClusterAssigner, ClusterNumbers
from serving.kinds.clusters import artifact
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.clusters.page.part import PART
from serving.kinds.clusters.readings import READINGS
from serving.kinds.clusters.schemas import COMPONENTS
from serving.kinds.clusters.tensors import OUTPUTS
from serving.kinds.kind import ArtifactFile, Counted, Posting
from serving.kinds.openapi_words import MAYBE_INTEGER, body_schema


def _body(served: Clustering | None) -> dict[str, Any]:
    if served is None:
        return {"schema": body_schema(None)}
    return {"schema": body_schema(served.features), "example": {"dataframe_records": [served.example]}}


@dataclass(frozen=True)
class ClusterKind:
    """A clustering, whose numbers ``read_scoring`` reads from the file ``scoring``.

    ``platform`` is what the Open Inference Protocol calls it; ``disagreements`` returns the golden rows that get
    another answer here than from Spark, as exactly as this clustering can be.
    """

    name: str
    platform: str
    scoring: ArtifactFile
    read_scoring: Callable[[bytes], ClusterNumbers]
    disagreements: Callable[[Golden, ClusterAssigner], Sequence[int]] = Golden.disagreements

    postings: ClassVar = (Posting("predict", "The cluster of each row", "Predictions", _body),)
    readings: ClassVar = READINGS
    counted: ClassVar = Counted("swathe_predictions", "Rows predicted, by cluster", "cluster")
    described: ClassVar = {"clusters": MAYBE_INTEGER}
    schemas: ClassVar = COMPONENTS
    outputs: ClassVar = OUTPUTS
    page: ClassVar = PART

    @cached_property
    def files(self) -> tuple[ArtifactFile, ...]:
        """The files of its artifact."""
        return (self.scoring, *artifact.FILES)

    def load(self, bodies: Mapping[str, bytes]) -> Clustering:
        """Return the clustering in the files of an artifact.

        Raises
        ------
        ModelArtifactError: a file is not what it should be, or disagrees with another or with the golden file.
        """
        return artifact.read(bodies, self.scoring.name, self.read_scoring, self.disagreements)
