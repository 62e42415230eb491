"""MLflow's way into a version without a JVM. This file and the modules that it needs travel with each version.

They are copied into a package whose name holds a hash of their text, so that two versions loaded in one process
run their own code; hence the relative imports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .golden import Golden
from .kmeans import Assigner, Scoring


class ClusterPredictor:
    """Predicts with one version's numbers."""

    def __init__(self, scoring: Scoring) -> None:
        self._assigner = Assigner(scoring)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Return a data frame of cluster, label and distance for the rows of ``model_input``, a column per feature."""
        scoring = self._assigner.scoring
        rows = model_input[list(scoring.features)].to_numpy(dtype=np.float64, na_value=np.nan)
        clusters, distances = self._assigner.assign(rows)
        labels = [scoring.labels[cluster] for cluster in clusters]
        return model_input[[]].assign(cluster=clusters, label=labels, distance=distances)


def _load_pyfunc(data_path: str) -> ClusterPredictor:
    """Load the version whose `swathe/` directory is at ``data_path``; MLflow calls this by its name.

    Raises
    ------
    ValueError: a file is not what it should be, or this machine disagrees with what Spark said.
    """
    scoring = Scoring.from_json((Path(data_path) / "scoring.json").read_bytes())
    golden = Golden.from_json((Path(data_path) / "golden.json").read_bytes())
    wrong = golden.disagreements(Assigner(scoring))
    if wrong:
        raise ValueError(f"{len(wrong)} of {len(golden.rows)} golden rows get another answer here than from Spark")
    return ClusterPredictor(scoring)
