"""Time zones by name, and the clock times that they have twice or not at all."""

from __future__ import annotations

import functools
import zoneinfo
from datetime import datetime
from typing import Final

# What depends on the machine.
_LOCAL_NAMES: Final = {"Factory", "localtime"}


def zone_name(name: str) -> str:
    """Return ``name``.

    Raises
    ------
    ValueError: the IANA database has no such zone.
    """
    if name not in _zone_names():
        raise ValueError(f"{name!r} is no time zone; write its name, such as UTC or America/New_York")
    return name


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - _LOCAL_NAMES)


def in_zone(clock: datetime, name: str) -> datetime:
    """Return the moment at which the clocks of zone ``name`` show ``clock``, which has no zone.

    Raises
    ------
    ValueError: they show it twice, or never, because they were changed.
    """
    zone = zoneinfo.ZoneInfo(name)
    first, second = clock.replace(tzinfo=zone, fold=0), clock.replace(tzinfo=zone, fold=1)
    before, behind = first.utcoffset(), second.utcoffset()
    if before == behind or before is None or behind is None:
        return first
    said = "is there twice" if before > behind else "is never there"
    raise ValueError(f"{clock.isoformat(' ')} {said}: the clocks of {name} were changed; write it with its offset")
