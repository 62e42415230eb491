"""The kinds of model: what the line knows of one before it trains or serves it, and how all of them are found.

A kind is an entry point of the group `swathe.kinds`: its name is what `model: {kind: …}` says, its object a
:class:`Kind`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from contract.errors import ConfigurationError
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
    each half imports its own only, and only when it is used.
    """

    name: str
    model: type[ModelSection]
    gate: type[GateSection]
    training: str
    serving: str
    identity: type[Section] | None = None
    has_features: bool = True


@cache
def kinds() -> Mapping[str, Kind]:
    """Return all kinds by name.

    Raises
    ------
    ConfigurationError: an entry point cannot be loaded, is no kind, or has the name of another one.
    """
    found: dict[str, Kind] = {}
    for point in (*_own(), *entry_points(group=GROUP)):
        if point.name not in found:
            found[point.name] = _loaded(point)
        elif found[point.name] is not _loaded(point):
            raise ConfigurationError(f"two packages have a kind of model named {point.name!r}; uninstall one of them")
    return found


def _own() -> Iterable[EntryPoint]:
    """Return the kinds of this project: an environment that `mlflow run` made runs it without it being installed."""
    if not _PROJECT.is_file():
        return ()
    declared = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"][GROUP]
    return [EntryPoint(name, value, GROUP) for name, value in declared.items()]


def _loaded(point: EntryPoint) -> Kind:
    try:
        kind = point.load()
    except Exception as error:  # anybody's package
        raise ConfigurationError(
            f"the kind of model {point.name!r} ({point.value}) cannot be loaded: {error}; repair its package, or "
            f"uninstall it"
        ) from error
    if not isinstance(kind, Kind) or kind.name != point.name:
        raise ConfigurationError(f"the entry point {point.name!r} ({point.value}) is no kind of model of that name")
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
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the kind of model {name!r} has no {where}: {error}; repair its package, or uninstall it"
        ) from error
