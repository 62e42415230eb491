"""Bisecting KMeans, as serving finds it."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from contract.artifact import MOST_CLUSTERS, Label, NumberFile, Numbers
from contract.decoding import Decoder
from contract.model_version import SCORING_FILE
from scoring.bisecting import BisectingScoring
from serving.kinds.clusters.artifact import typed
from serving.kinds.clusters.kind import ClusterKind
from serving.kinds.kind import ArtifactFile

# A node has two children, or one where a half was empty, so there may be more nodes than twice the leaves.
_MOST_NODES: Final = 10 * MOST_CLUSTERS


class TreeFile(NumberFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `scoring.bisecting.BisectingScoring` is made of."""

    nodes: Annotated[tuple[Numbers, ...], Meta(min_length=1, max_length=_MOST_NODES)]
    children: Annotated[tuple[Annotated[tuple[int, ...], Meta(max_length=2)], ...], Meta(max_length=_MOST_NODES)]
    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=MOST_CLUSTERS)]


TREE: Final[Decoder[TreeFile]] = Decoder(TreeFile, most_bytes=64 * 2**20, most_values=3_000_000)


def read_scoring(body: bytes) -> BisectingScoring:
    """Return the numbers in a scoring file.

    Raises
    ------
    ValueError: not a scoring file.
    """
    file = TREE.decode(body)
    scales = file.surrogates, file.mean, file.std
    return BisectingScoring(file.features, *scales, file.nodes, file.children, file.labels, *typed(file))


KIND: Final = ClusterKind(
    "bisecting-kmeans", "swathe_spark_bisecting_kmeans", ArtifactFile(SCORING_FILE, TREE.most_bytes), read_scoring
)
