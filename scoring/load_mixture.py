"""Loads a version of a Gaussian mixture for MLflow, without a JVM."""

from __future__ import annotations

from .likely import LikelyPredictor, load
from .mixture import MixtureScoring


def _load_pyfunc(data_path: str) -> LikelyPredictor:
    """Load the version whose `swathe/` directory is at ``data_path``; MLflow calls this by its name."""
    return load(data_path, MixtureScoring.from_json)
