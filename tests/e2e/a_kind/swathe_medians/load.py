"""Loads a version for MLflow, without a JVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .numbers import Numbers


class Filler:
    """Fills what is missing with one version's medians."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Return the rows of ``model_input``, a data frame with a column per feature, filled."""
        rows = model_input[list(self._numbers.features)].to_numpy(dtype=np.float64, na_value=np.nan)
        return model_input[[]].assign(**dict(zip(self._numbers.features, self._numbers.filled(rows).T, strict=True)))


def _load_pyfunc(data_path: str) -> Filler:
    """Load the version whose `swathe/` directory is at ``data_path``; MLflow calls this by its name."""
    return Filler(Numbers.from_json((Path(data_path) / "scoring.json").read_bytes()))
