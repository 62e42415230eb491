"""Profiles: the centroids of a version, a cell for each feature, coloured by the distance from the batch's mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.model_version import ClusterStatistics
from scoring.forms import Category, Cyclic, Form
from serving.kinds.clusters.clustering import Clustering, clustering
from serving.kinds.clusters.page.fates import natural
from serving.kinds.clusters.page.fields import told
from serving.versions.catalogue import Version

MOST_CELLS: Final = 8000
"""Cells of all profiles: fewer versions are shown first, then fewer clusters, then fewer features."""
# However many features there are, so many clusters are shown.
_LEAST_ROWS: Final = 10
# A colour step each half standard deviation, four to either side of the middle.
_STEPS: Final = 4
# Of a category's values, so many are told of a cell.
_MOST_VALUES: Final = 3
_MINUS: Final = "\N{MINUS SIGN}"
_SLOTS: Final[Mapping[str, Sequence[str]]] = {
    "weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "month": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


@dataclass(frozen=True)
class Cell:
    """What a centroid has of a feature, in words; ``step`` 0 to 8 is how far it lies from the mean, 4 is there."""

    text: str
    step: int
    title: str


@dataclass(frozen=True)
class ProfileRow:
    """One cluster of a profile."""

    label: str
    colour: int
    size: int
    share: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Profile:
    """The clusters of one version, the largest ones and the first features where there are too many."""

    version: Version
    features: Sequence[str]
    rows: Sequence[ProfileRow]
    more_features: int
    more_clusters: int


def profile(version: Version, colours: Mapping[str, int]) -> Profile:
    """Return the profile of a ready version; ``colours`` are those of its labels."""
    served = clustering(version)
    features, clusters = served.encoding.features, len(served.statistics)
    width = min(len(features), MOST_CELLS // min(clusters, _LEAST_ROWS))
    largest = sorted(range(clusters), key=lambda i: -served.statistics[i].size)[: MOST_CELLS // width]
    rows = []
    for cluster in (served.statistics[i] for i in largest):
        cells = tuple(_cells(served, cluster, features[:width]))
        rows.append(ProfileRow(cluster.label, colours[cluster.label], cluster.size, cluster.share, cells))
    rows.sort(key=lambda row: natural(row.label))
    shown = [feature.name for feature in features[:width]]
    return Profile(version, shown, rows, len(features) - width, clusters - len(rows))


def _cells(served: Clustering, cluster: ClusterStatistics, features: Sequence[Form]) -> Iterator[Cell]:
    deviations = _deviations(served, cluster.cluster)
    at = 0
    for feature in features:
        after = at + len(feature.columns)
        values, own = cluster.centroid[at:after], deviations[at:after]
        if isinstance(feature, Category):
            yield _category(feature, values, own)
        elif isinstance(feature, Cyclic):
            times = cluster.times.get(feature.name)
            zone = f"in {feature.zone.name}"
            yield _cell(_clock(feature.of, times.mean if times else None), max(map(abs, own[:2])), zone)
        else:
            yield _cell(_real(values[0], 1), own[0])
        at = after


def _deviations(served: Clustering, cluster: int) -> list[float]:
    """Return how many standard deviations the cluster's centre lies from the mean, in each column."""
    numbers = served.assigner.scoring
    away = [z - mean for z, mean in zip(numbers.centers[cluster], numbers.middle, strict=True)]
    if not numbers.factors:
        return away
    return [x / factor if factor else 0.0 for x, factor in zip(away, numbers.factors, strict=True)]


def _category(feature: Category, shares: Sequence[float], deviations: Sequence[float]) -> Cell:
    """Return the most frequent value, coloured by its own share; the next ones are told."""
    names = [*map(told, feature.values), "other", *["missing"] * feature.flag]
    order = sorted(range(len(names)), key=lambda place: -shares[place])[:_MOST_VALUES]
    words = [f"{names[place]} {max(0.0, shares[place]):.0%}" for place in order]
    return _cell(words[0], deviations[order[0]], ", ".join(words))


def _clock(of: str, mean: float | None) -> str:
    if mean is None:
        return "–"
    if of != "hour":
        return _SLOTS[of][round(mean) % len(_SLOTS[of])]
    minutes = round(mean * 60) % (24 * 60)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _cell(text: str, deviation: float, words: str = "") -> Cell:
    # Numbers that others wrote may be so large that their difference is none.
    away = deviation if math.isfinite(deviation) else math.copysign(_STEPS, deviation)
    step = round(max(-_STEPS, min(_STEPS, 2 * away))) + _STEPS
    title = f"{_real(deviation, 2)} standard deviations from the mean"
    return Cell(text, step, f"{words}; {title}" if words else title)


def _real(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", _MINUS)
