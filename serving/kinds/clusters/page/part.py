"""What the page of a model shows of its clusterings: the drawing, the profiles, and a row to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Final

from scoring.scorer import ClusterNumbers
from serving.kinds.clusters.clustering import clustering
from serving.kinds.clusters.page.fates import MOST_BARS, colours_of, draw, natural
from serving.kinds.kind import PagePart
from serving.versions.catalogue import Version

MOST_DRAWN: Final = 12
"""Versions that are drawn; the table lists all."""

MOST_CELLS: Final = 8000
"""Cells of all profiles: fewer versions are shown first, then fewer clusters, then fewer features."""
# However many features there are, so many clusters are shown.
_LEAST_ROWS: Final = 10
MOST_FIELDS: Final = 1000
"""Features that a row is tried with; the others are missing."""

TERMS: Final = (
    (
        "Silhouette",
        "How much nearer a row is to its own cluster than to the next one: 1 is far apart, 0 is on the border. On the "
        "version's own rows, so it says how well this batch falls into clusters, not which version is better.",
    ),
    (
        "On reference",
        "The same on a sample of the series' first batch that never changes: what versions can be ranked by.",
    ),
    (
        "Label",
        "C1, C2 and so on name a cluster through all versions, as long as enough of its rows stay together.",
    ),
)

# A colour step each half standard deviation, four to either side of the middle.
_STEPS: Final = 4


@dataclass(frozen=True)
class Cell:
    """A centroid's value in the data's own units; ``step`` 0 to 8 is how far it lies from the mean, 4 is there."""

    value: float
    step: int
    deviations: float


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


def _facts(ready: Sequence[Version]) -> dict[str, Any]:
    drawn = _newest(ready[-MOST_DRAWN:], lambda scoring: len(scoring.labels), MOST_BARS)
    profiled = _newest(drawn, lambda scoring: len(scoring.labels) * len(scoring.features), MOST_CELLS)
    schemas = list(dict.fromkeys(clustering(version).features for version in reversed(ready)))
    colours = colours_of(drawn)
    return {
        "clusterings": ready,
        "drawing": draw(drawn),
        "drawn": drawn,
        "profiles": [_profile(version, colours) for version in profiled],
        "colours": colours,
        "features": list(dict.fromkeys(chain.from_iterable(schemas))),
        "schemas": schemas,
        "example": clustering(ready[-1]).example,
        "likely": any(clustering(version).likely is not None for version in ready),
        "MOST_FIELDS": MOST_FIELDS,
    }


def _newest(versions: Sequence[Version], size: Callable[[ClusterNumbers], int], most: int) -> list[Version]:
    """Return the newest of ``versions``, of ``most`` in ``size`` together; at least one where there is one."""
    sizes = accumulate(size(clustering(version).assigner.scoring) for version in reversed(versions))
    count = max(1, sum(total <= most for total in sizes))
    return list(versions[-count:])


def _profile(version: Version, colours: Mapping[str, int]) -> Profile:
    served = clustering(version)
    features, clusters = served.features, len(served.statistics)
    centers, middle = served.assigner.scoring.centers, served.assigner.scoring.middle
    width = min(len(features), MOST_CELLS // min(clusters, _LEAST_ROWS))
    largest = sorted(range(clusters), key=lambda i: -served.statistics[i].size)[: MOST_CELLS // width]
    rows = []
    for i in largest:
        cluster = served.statistics[i]
        cells = tuple(
            Cell(value, round(max(-_STEPS, min(_STEPS, 2 * (z - mean)))) + _STEPS, z - mean)
            for value, z, mean in zip(cluster.centroid[:width], centers[i][:width], middle[:width], strict=True)
        )
        rows.append(ProfileRow(cluster.label, colours[cluster.label], cluster.size, cluster.share, cells))
    rows.sort(key=lambda row: natural(row.label))
    return Profile(version, features[:width], rows, len(features) - width, clusters - len(rows))


PART: Final = PagePart(Path(__file__).parent, "clusters.html", _facts, ("clusters.js",), TERMS)
