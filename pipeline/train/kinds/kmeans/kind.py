"""KMeans as a kind of model."""

from __future__ import annotations

from contract.kinds.kmeans import KMeans
from pipeline.train.kinds.clusters.clustering import SCORING, Clustering
from pipeline.train.kinds.clusters.prepared import Prepared
from pipeline.train.kinds.clusters.trained import Trained
from pipeline.train.kinds.kind import Batch
from pipeline.train.kinds.kmeans.training import train
from pipeline.train.stopwatch import Stopwatch
from scoring.kmeans import Scoring


class KMeansKind(Clustering):
    """KMeans, opened for one series."""

    loader = "load_kmeans"
    code = (SCORING / "kmeans.py", SCORING / "load_kmeans.py")

    @staticmethod
    def read_numbers(body: bytes) -> Scoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of KMeans.
        """
        return Scoring.from_json(body)

    def train(self, prepared: Prepared, rows: int, batch: Batch, watch: Stopwatch) -> Trained:  # noqa: ARG002 - see there
        """Cluster ``prepared`` rows, ``rows`` of them.

        Raises
        ------
        DataError: they hold fewer distinct points than clusters asked for.
        """
        return train(prepared, rows, self._opened.series.stream.section(KMeans), watch)
