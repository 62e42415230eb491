"""Loads a version of KMeans for MLflow, without a JVM."""

from __future__ import annotations

from .kmeans import Scoring
from .pyfunc import ClusterPredictor, load


def _load_pyfunc(data_path: str) -> ClusterPredictor:
    """Load the version whose `swathe/` directory is at ``data_path``; MLflow calls this by its name."""
    return load(data_path, Scoring.from_json)
