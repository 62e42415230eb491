"""Makes the page of a model from the catalogue, and keeps it until the catalogue changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import jinja2
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from scoring.scorer import ClusterAssigner
from serving.kinds.clusters.clustering import clustering
from serving.pages.ui.fates import MOST_BARS, colours_of, draw, natural
from serving.service import Service
from serving.versions.catalogue import ServedModel, Version

ASSETS: Final = "/ui-assets"
# Stands in kept pages for the base path, which may differ from request to request.
_BASE: Final = b"\x02base\x03"
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-cache",
    # Names come from the registry: whatever they hold, nothing but these two files is ever run or applied.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
MOST_DRAWN: Final = 12
"""Versions that are drawn; the table lists all."""

MOST_CELLS: Final = 8000
"""Cells of all profiles: fewer versions are shown first, then fewer clusters, then fewer features."""
# However many features there are, so many clusters are shown.
_LEAST_ROWS: Final = 10
MOST_FIELDS: Final = 1000
"""Features that a row is tried with; the others are missing."""

MOST_LINKS: Final = 6
"""Models that are linked in a row; of more there is a list to look one up in."""
# What a version earned when it was made; the champion of today is the one with the badge.
_GATES: Final[Mapping[str, str]] = {
    "champion": "passed",
    "challenger": "behind the champion",
    "none": "not sound",
}
TERMS: Final = (
    (
        "Event time, record time",
        "When the batch's rows happened, by the column that the stream file names as event_time; without one, the "
        "timestamps that Kafka has for the records.",
    ),
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
        "Drift",
        "How far this batch differs from the one before, by the population stability index (PSI) of the worst feature "
        "or of the clusters' shares: below 0.1 stable, below 0.25 moderate, above it large.",
    ),
    (
        "Gate",
        "What the checks said when the version was made: passed, it became champion then; behind the champion, it is "
        "sound and became challenger; not sound, it got no alias. The badge says who is champion now.",
    ),
    (
        "Label",
        "C1, C2 and so on name a cluster through all versions, as long as enough of its rows stay together.",
    ),
)

_HERE: Final = Path(__file__).parent
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


class UserInterface:
    """The pages under `/ui`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals |= {"MOST_LINKS": MOST_LINKS, "MOST_FIELDS": MOST_FIELDS, "TERMS": TERMS, "GATES": _GATES}
        environment.filters |= {"whole": _whole, "real": _real, "percent": _percent, "window": _window}
        self._page, self._home = (environment.get_template(name) for name in ("page.html", "home.html"))
        self._lock = threading.Lock()
        self._made: dict[str, tuple[ServedModel | None, list[str], bytes]] = {}

    def page(self, name: str | None, base: str = "") -> bytes:
        """Return the page of model ``name``, or of the default one; its links begin with ``base``.

        Raises
        ------
        UnknownNameError: no such model.
        """
        model = self._service.catalogue.model(name) if name else self._service.default_model()
        names = list(self._service.catalogue.models)
        key = model.name if model else ""
        made = self._made.get(key)
        if made is None or made[:2] != (model, names):
            html = self._page.render(self._facts(model, names)).encode()
            made = (model, names, html)
            with self._lock:
                # Models that are gone are not kept.
                there = {kept: value for kept, value in self._made.items() if kept in names}
                self._made = {**there, key: made}
        return made[2].replace(_BASE, base.encode())

    def home(self, base: str = "") -> bytes:
        """Return where to go from here, for a browser; links begin with ``base``."""
        return self._home.render(links=self._service.signposts(base), base=base).encode()

    def _facts(self, model: ServedModel | None, names: Sequence[str]) -> dict[str, Any]:
        listed = list(model.versions.values()) if model else []
        ready = [version for version in listed if version.state == "ready" and version.numbers is not None]
        drawn = _newest(ready[-MOST_DRAWN:], lambda assigner: len(assigner.scoring.labels), MOST_BARS)
        profiled = _newest(
            drawn, lambda assigner: len(assigner.scoring.labels) * len(assigner.scoring.features), MOST_CELLS
        )
        schemas = list(dict.fromkeys(version.required_numbers().served.features for version in reversed(ready)))
        colours = colours_of(drawn)
        newest = ready[-1].required_numbers().served if ready else None
        described = [self._service.describe(version) for version in reversed(listed)]
        return {
            "model": model,
            "models": [(name, f"/ui/{quote(name, safe='')}") for name in names],
            "versions": described,
            "has": {name for facts in described for name, value in facts.items() if value is not None},
            "aliases": _aliases(model),
            "ready": ready,
            "paths": {version.number: _path(version) for version in listed},
            "drawing": draw(drawn) if drawn else None,
            "drawn": drawn,
            "profiles": [_profile(version, colours) for version in profiled],
            "colours": colours,
            "features": list(dict.fromkeys(chain.from_iterable(schemas))),
            "schemas": schemas,
            "example": newest.example if newest else {},
            "signposts": self._service.signposts(),
            "when": "Event time" if any(facts["event_window"] for facts in described) else "Record time",
            "base": _BASE.decode(),
        }


def assets() -> Mount:
    """Return the route of the page's script and styles."""
    return Mount(ASSETS, StaticFiles(directory=_HERE / "assets"))


def _path(version: Version) -> str:
    return f"/api/{quote(version.model, safe='')}/{version.name}"


def _aliases(model: ServedModel | None) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for alias, number in model.aliases.items() if model else ():
        found.setdefault(number, []).append(alias)
    return found


def _newest(versions: Sequence[Version], size: Callable[[ClusterAssigner], int], most: int) -> list[Version]:
    """Return the newest of ``versions``, of ``most`` in ``size`` together; at least one where there is one."""
    sizes = accumulate(size(clustering(version).assigner) for version in reversed(versions))
    count = max(1, sum(total <= most for total in sizes))
    return list(versions[-count:])


def _profile(version: Version, colours: Mapping[str, int]) -> Profile:
    served = clustering(version)
    features, clusters = served.features, len(served.statistics)
    width = min(len(features), MOST_CELLS // min(clusters, _LEAST_ROWS))
    largest = sorted(range(clusters), key=lambda i: -served.statistics[i].size)[: MOST_CELLS // width]
    rows = []
    for i in largest:
        cluster = served.statistics[i]
        cells = tuple(
            Cell(value, round(max(-_STEPS, min(_STEPS, 2 * z))) + _STEPS, z)
            for value, z in zip(cluster.centroid[:width], served.assigner.scoring.centers[i][:width], strict=True)
        )
        rows.append(ProfileRow(cluster.label, colours[cluster.label], cluster.size, cluster.share, cells))
    rows.sort(key=lambda row: natural(row.label))
    return Profile(version, features[:width], rows, len(features) - width, clusters - len(rows))


def _whole(value: int) -> str:
    return f"{value:,}"


def _real(value: float, digits: int = 3) -> str:
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _window(interval: str) -> list[str]:
    """Return the two ends of an ISO 8601 interval, shortened to minutes."""
    return [end.replace("T", " ")[:16] for end in interval.split("/")]
