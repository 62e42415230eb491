"""Loads a version of bisecting KMeans for MLflow, without a JVM."""

from __future__ import annotations

from .bisecting import BisectingScoring
from .pyfunc import ClusterPredictor, load


def _load_pyfunc(data_path: str) -> ClusterPredictor:
    """Load the version whose `swathe/` directory is at ``data_path``; MLflow calls this by its name."""
    return load(data_path, BisectingScoring.from_json)
