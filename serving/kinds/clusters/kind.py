"""What serving needs of a clustering; all that one clustering adds is how its numbers are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, cast

from scoring.golden import Golden
from scoring.likely import LikelyAssigner
from scoring.scorer import ClusterAssigner, ClusterNumbers
from serving.kinds.clusters import artifact
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.clusters.page.part import PART
from serving.kinds.clusters.readings import READINGS
from serving.kinds.clusters.schemas import COMPONENTS, LIKELY_COMPONENTS, LIKELY_PREDICTIONS
from serving.kinds.clusters.tensors import OUTPUTS, PROBABILITIES
from serving.kinds.kind import ArtifactFile, Counted, Posting
from serving.kinds.openapi_words import MAYBE_INTEGER, body_schema


def _body(served: Clustering | None) -> dict[str, Any]:
    if served is None:
        return {"schema": body_schema(None)}
    return {"schema": body_schema(served.inputs), "example": {"dataframe_records": [served.example]}}


@dataclass(frozen=True)
class ClusterKind:
    """A clustering, whose numbers ``read_scoring`` reads from the file ``scoring``.

    ``platform`` is what the Open Inference Protocol calls it; ``disagreements`` returns the golden rows that get
    another answer here than from Spark, as exactly as this clustering can be. Where it ``is_likely``, its assigner has
    a probability for each cluster, and answers have them.
    """

    name: str
    platform: str
    scoring: ArtifactFile
    read_scoring: Callable[[bytes], ClusterNumbers]
    disagreements: Callable[[Golden, ClusterAssigner], Sequence[int]] = Golden.disagreements
    is_likely: bool = False

    readings: ClassVar = READINGS
    counted: ClassVar = Counted("swathe_predictions", "Rows predicted, by cluster", "cluster")
    described: ClassVar = {"clusters": MAYBE_INTEGER}
    page: ClassVar = PART

    @cached_property
    def postings(self) -> tuple[Posting, ...]:
        """Its route with a body."""
        schema = LIKELY_PREDICTIONS if self.is_likely else "Predictions"
        return (Posting("predict", "The cluster of each row", schema, _body),)

    @cached_property
    def schemas(self) -> dict[str, Any]:
        """JSON schemas of its answers."""
        return COMPONENTS | (LIKELY_COMPONENTS if self.is_likely else {})

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of the tensors of its answers."""
        return (*OUTPUTS, PROBABILITIES) if self.is_likely else tuple(OUTPUTS)

    @cached_property
    def files(self) -> tuple[ArtifactFile, ...]:
        """The files of its artifact."""
        return (self.scoring, *artifact.FILES, *((artifact.LIKELY_FILE,) if self.is_likely else ()))

    def load(self, bodies: Mapping[str, bytes]) -> Clustering:
        """Return the clustering in the files of an artifact.

        Raises
        ------
        ModelArtifactError: a file is not what it should be, or disagrees with another or with the golden file.
        """
        found = artifact.read(bodies, self.scoring.name, self.read_scoring, self.disagreements)
        return replace(found, likely=cast("LikelyAssigner", found.assigner)) if self.is_likely else found
