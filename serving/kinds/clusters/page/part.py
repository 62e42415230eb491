"""What the page of a model shows of its clusterings: the drawing, the profiles, and a row to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Final

from scoring.scorer import ClusterNumbers
from serving.kinds.clusters.clustering import clustering
from serving.kinds.clusters.page.fates import MOST_BARS, colours_of, draw
from serving.kinds.clusters.page.fields import MOST_FIELDS, fields
from serving.kinds.clusters.page.profiles import MOST_CELLS, profile
from serving.kinds.kind import PagePart
from serving.versions.catalogue import Version

MOST_DRAWN: Final = 12
"""Versions that are drawn; the table lists all."""

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


def _facts(ready: Sequence[Version]) -> dict[str, Any]:
    drawn = _newest(ready[-MOST_DRAWN:], lambda scoring: len(scoring.labels), MOST_BARS)
    profiled = _newest(drawn, lambda scoring: len(scoring.labels) * len(scoring.encoding.features), MOST_CELLS)
    newest_first = [clustering(version) for version in reversed(ready)]
    schemas = list(dict.fromkeys(tuple(served.inputs) for served in newest_first))
    colours = colours_of(drawn)
    return {
        "clusterings": ready,
        "drawing": draw(drawn),
        "drawn": drawn,
        "profiles": [profile(version, colours) for version in profiled],
        "colours": colours,
        "fields": fields(newest_first),
        "inputs": len(set(chain.from_iterable(schemas))),
        "schemas": schemas,
        "likely": any(clustering(version).likely is not None for version in ready),
        "schema_of": {version.number: schemas.index(tuple(clustering(version).inputs)) for version in ready},
        "MOST_FIELDS": MOST_FIELDS,
    }


def _newest(versions: Sequence[Version], size: Callable[[ClusterNumbers], int], most: int) -> list[Version]:
    """Return the newest of ``versions``, of ``most`` in ``size`` together; at least one where there is one."""
    sizes = accumulate(size(clustering(version).assigner.scoring) for version in reversed(versions))
    count = max(1, sum(total <= most for total in sizes))
    return list(versions[-count:])


PART: Final = PagePart(Path(__file__).parent, "clusters.html", _facts, ("clusters.js",), TERMS)
