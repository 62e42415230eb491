"""Makes the page of a model from the catalogue, and keeps it until the catalogue changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import jinja2
from markupsafe import Markup
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from contract.version_facts import MOST_OF_A_FAMILY
from serving.kinds.kind import Kind, PagePart
from serving.pages.ui import lines
from serving.service import Service
from serving.versions.catalogue import ServedModel, Version
from serving.versions.tags import kind_of

ASSETS: Final = "/ui-assets"
# Stands in kept pages for the base path, which may differ from request to request.
_BASE: Final = b"\x02base\x03"
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-cache",
    # Names come from the registry: whatever they hold, nothing but our own files is ever run or applied.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
MOST_LINKS: Final = 6
"""Models that are linked in a row; of more there is a list to look one up in."""
# What a version earned when it was made; the champion of today is the one with the badge.
_GATES: Final[Mapping[str, str]] = {
    "champion": "passed",
    "challenger": "behind the champion",
    "none": "not sound",
}
_TERMS: Final = (
    (
        "Event time, record time",
        "When the batch's rows happened, by the column that the stream file names as event_time; without one, the "
        "timestamps that Kafka has for the records.",
    ),
    (
        "Drift",
        "How far this batch differs from the one before, by the population stability index (PSI) of what "
        "differs most: below 0.1 stable, below 0.25 moderate, above it large.",
    ),
    (
        "Gate",
        "What the checks said when the version was made: passed, it became champion then; behind the champion, it is "
        "sound and became challenger; not sound, it got no alias. The badge says who is champion now.",
    ),
)

_HERE: Final = Path(__file__).parent


class UserInterface:
    """The pages under `/ui`."""

    def __init__(self, service: Service, kinds: Mapping[str, Kind]) -> None:
        self._service, self._kinds = service, kinds
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals |= {"MOST_LINKS": MOST_LINKS, "GATES": _GATES}
        environment.globals |= {"CHART": lines, "MOST_OF_A_FAMILY": MOST_OF_A_FAMILY}
        environment.filters |= {"whole": _whole, "real": _real, "percent": _percent, "window": _window}
        self._page, self._home = (environment.get_template(name) for name in ("page.html", "home.html"))
        self._parts = {kind.name: _beside(environment, kind.page) for kind in kinds.values() if kind.page}
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
        described = [self._service.describe(version) for version in reversed(listed)]
        ready = [version for version in listed if version.numbers is not None]
        kind = self._kind(listed)
        part = kind.page if kind else None
        shown = [version for version in ready if version.required_numbers().kind is kind]
        facts = {
            "model": model,
            "models": [(name, f"/ui/{quote(name, safe='')}") for name in names],
            "versions": described,
            "has": {name for facts in described for name, value in facts.items() if value is not None},
            "aliases": _aliases(model),
            "ready": ready,
            "paths": {version.number: _path(version) for version in listed},
            "lines": lines.draw([_measured(self._service, version) for version in listed]),
            "signposts": self._service.signposts(),
            "when": "Event time" if any(facts["event_window"] for facts in described) else "Record time",
            "terms": (*_TERMS, *(part.terms if part else ())),
            "scripts": [_address(kind, script) for script in part.scripts] if kind and part else (),
            "styles": [_address(kind, style) for style in part.styles] if kind and part else (),
            "base": _BASE.decode(),
        }
        # Filled apart, so that no word of a kind's means another thing on the page.
        filled = self._filled(kind, part, facts, shown) if kind and part and shown else ""
        return {**facts, "part": Markup(filled)}  # noqa: S704 - a template has escaped what fills it

    def _filled(self, kind: Kind, part: PagePart, facts: Mapping[str, Any], shown: Sequence[Version]) -> str:
        return self._parts[kind.name].get_template(part.template).render({**facts, **part.facts(shown)})

    def _kind(self, versions: Sequence[Version]) -> Kind | None:
        """Return the kind that the page is about: that of the newest ready version or, without one, of the newest."""
        loaded = [version.numbers.kind for version in versions if version.numbers is not None]
        if loaded:
            return loaded[-1]
        return self._kinds.get(kind_of(versions[-1].tags)) if versions else None


def assets(kinds: Iterable[Kind]) -> list[Mount]:
    """Return the routes of the page's styles and scripts, those of each of the ``kinds`` below its name."""
    own = [
        Mount(f"{ASSETS}/{kind.name}", StaticFiles(directory=kind.page.directory / "assets"))
        for kind in kinds
        if kind.page and (kind.page.scripts or kind.page.styles)
    ]
    return [*own, Mount(ASSETS, StaticFiles(directory=_HERE / "assets"))]


def _beside(environment: jinja2.Environment, part: PagePart) -> jinja2.Environment:
    """Return ``environment`` with the templates of ``part``, and with those of no other kind."""
    return environment.overlay(loader=jinja2.FileSystemLoader(part.directory / "templates"))


def _address(kind: Kind, asset: str) -> str:
    return f"{ASSETS}/{quote(kind.name, safe='')}/{asset}"


def _measured(service: Service, version: Version) -> lines.Measured:
    """Return what was measured of ``version``; nothing while it does not answer."""
    if version.state != "ready" or version.numbers is None:
        return lines.Measured(version.number, {})
    return lines.Measured(version.number, service.metrics(version), service.facts(version).drift)


def _path(version: Version) -> str:
    return f"/api/{quote(version.model, safe='')}/{version.name}"


def _aliases(model: ServedModel | None) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for alias, number in model.aliases.items() if model else ():
        found.setdefault(number, []).append(alias)
    return found


def _whole(value: int) -> str:
    return f"{value:,}"


def _real(value: float, digits: int = 3) -> str:
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _window(interval: str) -> list[str]:
    """Return the two ends of an ISO 8601 interval, shortened to minutes."""
    return [end.replace("T", " ")[:16] for end in interval.split("/")]
