"""KMeans as Spark computes it: exact."""

from __future__ import annotations

from collections.abc import Sequence

from scoring.golden import Golden
from scoring.kmeans import Assigner, Scoring


class KMeansScorer(Assigner):
    """Assigns rows to the nearest of k centres. Immutable, so any number of threads may share it."""

    def __init__(self, scoring: Scoring) -> None:
        super().__init__(scoring)
        self.features, self.surrogates = scoring.features, scoring.surrogates
        self.centers, self.labels = scoring.centers, scoring.labels

    def disagreements(self, golden: Golden) -> Sequence[int]:
        """Return the rows that get another cluster than from Spark, or another distance to the last bit."""
        return golden.disagreements(self)
