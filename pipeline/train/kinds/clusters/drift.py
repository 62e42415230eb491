"""How far a batch and its version have moved from the version before."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from contract.artifact import PROFILE
from pipeline.train.kinds.clusters import encode
from pipeline.train.kinds.clusters.cells import Cells
from scoring.arrays import Floats, Integers
from scoring.clock import SLOTS
from scoring.features import Encoding
from scoring.forms import Category, Cyclic, Form, Value

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
class CategoryProfile:
    """One category's distribution: ``shares`` [m + 2] of the ``values`` [m], of others and of missing ones."""

    values: tuple[Value, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class TimeProfile:
    """One time's distribution: ``shares`` of its slots, and of missing ones."""

    shares: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """How the rows of a batch were distributed over each feature; logarithms are the numbers that they are of."""

    features: dict[str, FeatureProfile]
    categories: dict[str, CategoryProfile] = field(default_factory=dict)
    times: dict[str, TimeProfile] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the profile file; of numbers alone it is as it was before rows were typed."""
        typed = {"format": 2} if self.categories or self.times else {}
        fields = {name: found for name, found in asdict(self).items() if typed or name == "features"}
        return json.dumps({**typed, **fields}, indent=1).encode()

    def refuse_other(self, encoding: Encoding) -> None:
        """Check that it is one of rows with the features of ``encoding``, with a share for each bin.

        Raises
        ------
        ValueError: names the feature.
        """
        named = [*self.features, *self.categories, *self.times]
        if sorted(named) != sorted(feature.name for feature in encoding.features):
            raise ValueError(f"its profile has the features {', '.join(named)[:200]}, which are not the version's")
        for feature in encoding.features:
            if not self._fits(feature):
                raise ValueError(f"its profile of feature {feature.name!r} has other values than it, or other bins")

    def _fits(self, feature: Form) -> bool:
        if isinstance(feature, Category):
            category = self.categories.get(feature.name)
            bins = len(feature.values) + 2
            return category is not None and category.values == feature.values and len(category.shares) == bins
        if isinstance(feature, Cyclic):
            time = self.times.get(feature.name)
            return time is not None and len(time.shares) == SLOTS[feature.of] + 1
        number = self.features.get(feature.name)
        return number is not None and len(number.shares) == len(number.edges) + 2

    @classmethod
    def from_json(cls, body: bytes) -> Profile:
        """Return the profile in ``body``.

        Raises
        ------
        ValueError: not a profile file.
        """
        try:
            found = PROFILE.decode(body)
        except ValueError as error:
            raise ValueError(f"not a profile file: {error}") from error
        return cls(
            {name: FeatureProfile(entry.edges, entry.shares) for name, entry in found.features.items()},
            {name: CategoryProfile(entry.values, entry.shares) for name, entry in found.categories.items()},
            {name: TimeProfile(entry.shares) for name, entry in found.times.items()},
        )


def profile(features: Sequence[str], rows: Floats) -> Profile:
    """Return the profile of ``rows`` [n, d], with the deciles of each feature as its edges."""
    return Profile({name: _of_numbers(rows[:, j]) for j, name in enumerate(features)})


def profile_of_cells(cells: Cells) -> Profile:
    """Return the profile of typed rows."""
    encoding = cells.encoding
    columns = {feature.name: cells.column(feature.column) for feature in encoding.features}
    return Profile(
        {each.name: _of_numbers(_floats(columns[each.name])) for each in encode.numbers(encoding)},
        {
            each.name: CategoryProfile(each.values, _category_shares(each.values, columns[each.name]))
            for each in encoding.features
            if isinstance(each, Category)
        },
        {
            each.name: TimeProfile(_time_shares(each, columns[each.name]))
            for each in encoding.features
            if isinstance(each, Cyclic)
        },
    )


def _floats(column: npt.NDArray[Any]) -> Floats:
    # numpy reads None as NaN.
    return np.asarray(column, dtype=np.float64)


def _of_numbers(column: Floats) -> FeatureProfile:
    present = column[~np.isnan(column)]
    deciles = np.linspace(0, 1, _BINS + 1)[1:-1]
    edges = np.unique(np.quantile(present, deciles)) if len(present) else np.empty(0)
    return FeatureProfile(tuple(edges.tolist()), _shares(column, edges))


def _category_shares(values: Sequence[Value], column: npt.NDArray[Any]) -> tuple[float, ...]:
    places: dict[Any, int] = {value: place for place, value in enumerate(values)} | {None: len(values) + 1}
    codes = [places.get(cell, len(values)) for cell in column.tolist()]
    counts = np.bincount(np.array(codes, dtype=np.int64), minlength=len(values) + 2)
    return tuple((counts / max(len(codes), 1)).tolist())


def _time_shares(feature: Cyclic, column: npt.NDArray[Any]) -> tuple[float, ...]:
    slots, count = feature.slots(column), SLOTS[feature.of]
    counts = np.bincount(np.where(slots < 0, count, slots), minlength=count + 1)
    return tuple((counts / max(len(slots), 1)).tolist())


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


def psi_of_cells(earlier: Profile, cells: Cells) -> dict[str, float]:
    """Return each feature's index between the batch of ``earlier`` and typed rows with the same features."""
    found = {}
    for feature in cells.encoding.features:
        column = cells.column(feature.column)
        if isinstance(feature, Category):
            category = earlier.categories[feature.name]
            found[feature.name] = psi(category.shares, _category_shares(category.values, column))
        elif isinstance(feature, Cyclic):
            found[feature.name] = psi(earlier.times[feature.name].shares, _time_shares(feature, column))
        else:
            number = earlier.features[feature.name]
            found[feature.name] = psi(number.shares, _shares(_floats(column), np.array(number.edges)))
    return found


def other_shares(earlier: Profile, cells: Cells) -> dict[str, float]:
    """Return, of each category, the share of rows whose value has no column in the version of ``earlier``."""
    return {
        name: _category_shares(entry.values, cells.column(feature.column))[-2]
        for name, entry in earlier.categories.items()
        for feature in cells.encoding.features
        if feature.name == name
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
