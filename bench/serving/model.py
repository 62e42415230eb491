"""The model that all contenders answer with, and the rows they are asked for. No service, no server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scoring.kmeans import Assigner, Floats, Scoring

FEATURES = ("dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time")
CLUSTERS = 5


def scoring(seed: int = 1) -> Scoring:
    """Return numbers of the size of the demo's."""
    rng = np.random.default_rng(seed)
    d = len(FEATURES)

    def numbers(*values: float) -> tuple[float, ...]:
        return tuple(float(x) for x in values)

    return Scoring(
        FEATURES,
        numbers(*rng.normal(100, 10, d)),
        numbers(*rng.normal(100, 10, d)),
        numbers(*rng.uniform(10, 50, d)),
        tuple(numbers(*row) for row in rng.normal(size=(CLUSTERS, d))),
        tuple(f"C{i + 1}" for i in range(CLUSTERS)),
    )


def rows(count: int, seed: int = 2) -> Floats:
    """Return [count, 5] rows, whole numbers as the flights have."""
    drawn: Floats = np.random.default_rng(seed).normal(100, 40, (count, len(FEATURES))).round()
    return drawn


def body(count: int) -> bytes:
    """Return a request of ``count`` rows."""
    records = [dict(zip(FEATURES, row, strict=True)) for row in rows(count).tolist()]
    return json.dumps({"dataframe_records": records}).encode()


def given(path: str | None = None) -> tuple[Assigner, dict[str, Any]]:
    """Return the model, and the end of each answer, that the file at ``path`` holds: by default the first argument."""
    fields = json.loads(Path(path or sys.argv[1]).read_text())
    return Assigner(Scoring.from_json(json.dumps(fields["scoring"]).encode())), fields["chain"]
