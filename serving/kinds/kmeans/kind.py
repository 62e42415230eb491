"""KMeans, as serving finds it."""

from __future__ import annotations

from typing import Final

from contract.artifact import SCORING
from contract.model_version import SCORING_FILE
from scoring.kmeans import Scoring
from serving.kinds.clusters.artifact import typed
from serving.kinds.clusters.kind import ClusterKind
from serving.kinds.kind import ArtifactFile


def read_scoring(body: bytes) -> Scoring:
    """Return the numbers in a scoring file.

    Raises
    ------
    ValueError: not a scoring file.
    """
    file = SCORING.decode(body)
    scales = file.surrogates, file.mean, file.std
    return Scoring(file.features, *scales, file.centers, file.labels, *typed(file))


KIND: Final = ClusterKind("kmeans", "swathe_spark_kmeans", ArtifactFile(SCORING_FILE, SCORING.most_bytes), read_scoring)
