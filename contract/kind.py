"""The kinds of model: what the line knows of one before it trains or serves it, and how all of them are found.

A kind is an entry point of the group `swathe.kinds`: its name is what `model: {kind: …}` says, its object a
:class:`Kind`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from contract.errors import ConfigurationError
from contract.proposal import Proposal, Table
from contract.sections import GateSection, ModelSection, Section

GROUP: Final = "swathe.kinds"
DEFAULT: Final = "kmeans"
"""The kind of a stream file and of a registered version that name none."""

_PROJECT: Final = Path(__file__).resolve().parents[1] / "pyproject.toml"


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    ``model``, ``gate`` and ``identity`` are its sections of a stream file; ``identity`` is None where no part of a
    version has a name that goes on. ``training`` and ``serving`` say where its two halves are, as `module:attribute`:
    each half imports its own only, and only when it is used. ``propose`` says what it would make of a table that nobody
    has described, None where it can make nothing of it; ``needs`` says what a table has to have that it can.
    """

    name: str
    model: type[ModelSection]
    gate: type[GateSection]
    training: str
    serving: str
    identity: type[Section] | None = None
    has_features: bool = True
    propose: Callable[[Table], Proposal | None] | None = None
    needs: str = ""


@cache
def kinds() -> Mapping[str, Kind]:
    """Return all kinds that can be loaded, by name."""
    return _found()[0]


@cache
def faults() -> Mapping[str, str]:
    """Return why a kind that is declared cannot be used, by its name: one package stops no other kind."""
    return _found()[1]


@cache
def _found() -> tuple[dict[str, Kind], dict[str, str]]:
    found: dict[str, Kind] = {}
    wrong: dict[str, str] = {}
    for point in (*_own(), *entry_points(group=GROUP)):
        try:
            kind = _loaded(point)
        except ConfigurationError as error:
            wrong[point.name] = str(error)
            continue
        if found.setdefault(point.name, kind) is not kind:
            wrong[point.name] = f"two packages have a kind of model named {point.name!r}; uninstall one of them"
    return {name: kind for name, kind in found.items() if name not in wrong}, wrong


def _own() -> Iterable[EntryPoint]:
    """Return the kinds of this project: an environment that `mlflow run` made runs it without it being installed."""
    if not _PROJECT.is_file():
        return []
    declared = tomllib.loads(_PROJECT.read_text(encoding="utf-8")).get("project", {})
    # Beside an installed package may lie anybody's file of that name.
    points = declared.get("entry-points", {}).get(GROUP, {}) if declared.get("name") == "swathe" else {}
    return [EntryPoint(name, value, GROUP) for name, value in points.items()]


def _loaded(point: EntryPoint) -> Kind:
    try:
        kind = point.load()
    except Exception as error:  # anybody's package
        raise ConfigurationError(
            f"the kind of model {point.name!r} ({point.value}) cannot be loaded: {error!r}; repair its package, or "
            f"uninstall it"
        ) from error
    if not isinstance(kind, Kind) or kind.name != point.name:
        raise ConfigurationError(
            f"the entry point {point.name!r} ({point.value}) is no kind of model of that name; repair its package, or "
            f"uninstall it"
        )
    return kind


def half(name: str, where: str) -> object:
    """Return the object that ``where`` names, `module:attribute`: a half of the kind ``name``.

    Raises
    ------
    ConfigurationError: it cannot be imported.
    """
    module, _, attribute = where.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # anybody's package
        raise ConfigurationError(
            f"the kind of model {name!r} has no {where}: {error!r}; repair its package, or uninstall it"
        ) from error
