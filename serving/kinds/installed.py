"""The kinds of model that are installed, as serving knows them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import Final, cast

from contract.errors import ConfigurationError
from contract.kind import faults, half
from contract.kind import kinds as installed
from serving.kinds.kind import Kind, PagePart

logger = logging.getLogger(__name__)

_PARAMETER: Final = re.compile(r"{[^}]*}")
_ASKED: Final = tuple(name for name in dir(Kind) if not name.startswith("_"))


@cache
def kinds() -> Mapping[str, Kind]:
    """Return serving's half of each kind by its name; imported here, so that nothing else names one."""
    return _found()[0]


@cache
def left_out() -> Mapping[str, str]:
    """Return why a kind that is installed cannot be served, by its name: its versions are unavailable, no others."""
    return _found()[1]


@cache
def _found() -> tuple[dict[str, Kind], dict[str, str]]:
    found: dict[str, Kind] = {}
    wrong = dict(faults())
    for name, declared in installed().items():
        try:
            found[name] = _checked(name, half(name, declared.serving), found)
        except ConfigurationError as error:
            wrong[name] = str(error)
    for name, reason in wrong.items():
        logger.warning("kind of model left out kind=%s error=%s", name, reason)
    return found, wrong


def _checked(name: str, given: object, others: Mapping[str, Kind]) -> Kind:
    """Return ``given`` as a kind.

    Raises
    ------
    ConfigurationError: it lacks what a kind is asked, or gives a name of another kind's another meaning.
    """
    try:
        lacking = [each for each in _ASKED if not hasattr(given, each)]
        kind = cast("Kind", given)
        named = {} if lacking else _named(kind)
        lacking += [] if lacking else _files_lacking(kind.page)
    except Exception as error:  # anybody's package
        raise ConfigurationError(
            f"the kind of model {name!r} cannot be asked: {error!r}; repair its package"
        ) from error
    if lacking:
        raise ConfigurationError(f"the kind of model {name!r} has no {', '.join(lacking)}; repair its package")
    for twin, theirs in ((twin, _named(other)) for twin, other in others.items()):
        for what in (what for what in named.keys() & theirs.keys() if named[what] != theirs[what]):
            raise ConfigurationError(f"the kinds of model {twin!r} and {name!r} both have {what}; rename one")
    return kind


def _named(kind: Kind) -> dict[str, object]:
    """Return what all kinds have in common rooms, by its name there: alike it may be shared, and else it is one's."""
    named: dict[str, object] = {f"the component {schema!r} of OpenAPI": it for schema, it in kind.schemas.items()}
    named |= {f"{told!r} in the list of all versions": schema for told, schema in kind.described.items()}
    named |= {f"the signpost {each.signpost!r}": each.path for each in kind.readings if each.signpost}
    named |= {f"a route named {each.name!r}": each.path for each in kind.readings}
    named |= {f"the route {_PARAMETER.sub('{…}', each.path)!r}": each.path for each in kind.readings}
    if kind.counted is not None:
        named[f"the counter {kind.counted.name!r}"] = kind.counted
    return named


def _files_lacking(page: PagePart | None) -> list[str]:
    if page is None:
        return []
    wanted = [("templates", page.template), *(("assets", name) for name in (*page.scripts, *page.styles))]
    return [f"{room}/{name}" for room, name in wanted if not (page.directory / room / name).is_file()]
