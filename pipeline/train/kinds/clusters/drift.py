"""How far a batch and its version have moved from the version before."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from contract.artifact import PROFILE
from scoring.arrays import Floats, Integers

# Usual bands of the population stability index.
MODERATE: Final = 0.1
LARGE: Final = 0.25
_BINS: Final = 10
# A share of zero would make the index infinite.
_LEAST_SHARE: Final = 5e-4


@dataclass(frozen=True)
class FeatureProfile:
    """One feature's distribution: ``edges`` [m] ascending, ``shares`` [m + 2] of the bins and of missing values."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """How the rows of a batch were distributed over each feature."""

    features: dict[str, FeatureProfile]

    def to_json(self) -> bytes:
        """Return the profile file."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Profile:
        """Return the profile in ``body``.

        Raises
        ------
        ValueError: not a profile file.
        """
        try:
            entries = PROFILE.decode(body).features.items()
        except ValueError as error:
            raise ValueError(f"not a profile file: {error}") from error
        return cls({name: FeatureProfile(entry.edges, entry.shares) for name, entry in entries})


def profile(features: Sequence[str], rows: Floats) -> Profile:
    """Return the profile of ``rows`` [n, d], with the deciles of each feature as its edges."""
    found = {}
    for j, name in enumerate(features):
        present = rows[~np.isnan(rows[:, j]), j]
        deciles = np.linspace(0, 1, _BINS + 1)[1:-1]
        edges = np.unique(np.quantile(present, deciles)) if len(present) else np.empty(0)
        found[name] = FeatureProfile(tuple(edges.tolist()), _shares(rows[:, j], edges))
    return Profile(found)


def _shares(column: Floats, edges: Floats) -> tuple[float, ...]:
    present = column[~np.isnan(column)]
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    shares = np.append(counts, len(column) - len(present)) / max(len(column), 1)
    return tuple(float(share) for share in shares)


def psi(expected: Sequence[float], found: Sequence[float]) -> float:
    """Return the population stability index of two distributions over the same bins."""
    e = np.maximum(np.asarray(expected, dtype=np.float64), _LEAST_SHARE)
    f = np.maximum(np.asarray(found, dtype=np.float64), _LEAST_SHARE)
    return float(((f - e) * np.log(f / e)).sum())


def feature_psi(earlier: Profile, features: Sequence[str], rows: Floats) -> dict[str, float]:
    """Return each feature's index between the batch of ``earlier`` and ``rows`` [n, d]."""
    return {
        name: psi(earlier.features[name].shares, _shares(rows[:, j], np.array(earlier.features[name].edges)))
        for j, name in enumerate(features)
    }


@np.errstate(over="ignore", invalid="ignore")
def centroid_shift(before: Floats, after: Floats) -> tuple[float, float]:
    """Return mean and largest distance of centres [k, d] matched one to one at the least total distance.

    NaN where no double holds such a distance.
    """
    apart = np.linalg.norm(before[:, None, :] - after[None, :, :], axis=2)
    if not np.isfinite(apart).all():
        return math.nan, math.nan
    matched = apart[linear_sum_assignment(apart)]
    return float(matched.mean()), float(matched.max())


def adjusted_rand_index(before: Integers, after: Integers) -> float:
    """Return the agreement of two assignments [n] of the same rows: 1 if equal, about 0 by chance.

    Hubert and Arabie, "Comparing partitions", 1985.
    """
    counts = np.zeros((int(before.max()) + 1, int(after.max()) + 1))
    np.add.at(counts, (before, after), 1)
    pairs, rows, columns = (float((x * (x - 1) / 2).sum()) for x in (counts, counts.sum(axis=1), counts.sum(axis=0)))
    total = len(before) * (len(before) - 1) / 2
    chance = rows * columns / total if total else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == chance else (pairs - chance) / (most - chance)


def band(index: float) -> str:
    """Return what an index means: `stable`, `moderate` or `large`, after the usual bands of 0.1 and 0.25."""
    if index < MODERATE:
        return "stable"
    return "moderate" if index < LARGE else "large"
