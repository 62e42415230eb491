"""The kinds of model that are installed, as serving knows them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Final, cast

from contract.errors import ConfigurationError
from contract.kind import faults, half
from contract.kind import kinds as installed
from serving.kinds.kind import Kind

logger = logging.getLogger(__name__)

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
    ConfigurationError: it lacks what a kind is asked, or counts under a name that another kind counts under.
    """
    try:
        lacking = [each for each in _ASKED if not hasattr(given, each)]
        kind = cast("Kind", given)
        counted = None if lacking else kind.counted
    except Exception as error:  # anybody's package
        raise ConfigurationError(
            f"the kind of model {name!r} cannot be asked: {error!r}; repair its package"
        ) from error
    if lacking:
        raise ConfigurationError(f"the kind of model {name!r} has no {', '.join(lacking)}; repair its package")
    twin = next((n for n, k in others.items() if counted and k.counted and counted.name == k.counted.name), None)
    if counted is not None and twin is not None and others[twin].counted != counted:
        raise ConfigurationError(f"the kinds of model {twin!r} and {name!r} both count {counted.name!r}; rename one")
    return kind
