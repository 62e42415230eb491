"""A Gaussian mixture without Spark, and the files of an artifact that loads."""

from __future__ import annotations

import numpy as np

from contract.model_version import (
    GOLDEN_FILE,
    GOLDEN_PROBABILITIES_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    statistics_to_json,
)
from scoring.arrays import Floats
from scoring.golden import Golden
from scoring.likely import probabilities_to_json
from scoring.mixture import MixtureScoring
from tests.integration.serving.registered import statistics_of

FEATURES = ("dep_delay", "air time")


def mixture(k: int = 3, width: int = 2, seed: int = 1) -> MixtureScoring:
    """Return a made-up mixture."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, width, width)) + np.eye(width)
    covariances = roots @ roots.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(covariances)
    return MixtureScoring(
        FEATURES if width == 2 else tuple(f"f{j}" for j in range(width)),
        *((1.0,) * width, (2.0,) * width, (3.0,) * width),
        tuple(rng.dirichlet(np.ones(k)).tolist()),
        tuple(map(tuple, (4 * rng.normal(size=(k, width))).tolist())),
        tuple(tuple(map(tuple, covariance)) for covariance in covariances.tolist()),
        tuple(map(tuple, values.tolist())),
        tuple(tuple(map(tuple, rows)) for rows in vectors.transpose(0, 2, 1).tolist()),
        tuple(f"C{i + 1}" for i in range(k)),
    )


def rows_of(scoring: MixtureScoring, n: int = 60) -> Floats:
    """Return rows near the means, with a tenth of the values missing, and some far from all."""
    rng = np.random.default_rng(n)
    near = np.array(scoring.means)[rng.integers(0, len(scoring.means), n)] + rng.normal(size=(n, len(scoring.mean)))
    rows: Floats = np.vstack([near, np.full((2, len(scoring.mean)), 1e6)]) * scoring.std + scoring.mean
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[-1] = 1e6
    return rows


def artifact(scoring: MixtureScoring | None = None) -> dict[str, bytes]:
    """Return the files of an artifact that loads, by name."""
    scoring = scoring or mixture()
    rows = rows_of(scoring)
    found = scoring.assigner().assign_likely(rows)
    golden = Golden(scoring.features, rows, found.clusters, found.distances, probabilities=found.probabilities)
    return {
        SCORING_FILE: scoring.to_json(),
        STATISTICS_FILE: statistics_to_json(statistics_of(scoring, rows, found.clusters)),
        GOLDEN_FILE: golden.to_json(),
        GOLDEN_PROBABILITIES_FILE: probabilities_to_json(golden),
    }
