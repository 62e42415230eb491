"""Time zones by name, and the clock times that they have twice or not at all."""

from __future__ import annotations

import functools
from datetime import datetime
from zoneinfo import ZoneInfo


@functools.lru_cache(maxsize=1_000)
def zone_named(name: str) -> ZoneInfo:
    """Return the zone ``name`` of the IANA database, such as `Europe/Berlin`.

    Raises
    ------
    ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database, such as Europe/Berlin or UTC") from error


def in_zone(clock: datetime, name: str) -> datetime:
    """Return the moment at which the clocks of zone ``name`` show ``clock``, which has no zone.

    Raises
    ------
    ValueError: they show it twice, or never, because they were changed.
    """
    zone = zone_named(name)
    first, second = clock.replace(tzinfo=zone, fold=0), clock.replace(tzinfo=zone, fold=1)
    before, behind = first.utcoffset(), second.utcoffset()
    if before == behind or before is None or behind is None:
        return first
    said = "is there twice" if before > behind else "is never there"
    raise ValueError(f"{clock.isoformat(' ')} {said}: the clocks of {name} were changed; write it with its offset")
