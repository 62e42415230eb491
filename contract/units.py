"""Durations and sizes as people write them in stream files and flags: `5m`, `30s`, `64MB`."""

from __future__ import annotations

import math
import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SHORTEST_S, _LONGEST_S = 0.001, 100 * 365 * 86400.0
_MOST_BYTES = 10**15


def seconds(text: str | float) -> float:
    """Return ``text`` in seconds; a bare number is seconds already.

    Raises
    ------
    ValueError: not a positive duration.
    """
    number, unit = _split(text, "s")
    if unit not in _SECONDS:
        raise ValueError(f"{text!r} is not a duration; write a number and one of {', '.join(_SECONDS)}, as in 5m")
    if not _SHORTEST_S <= (found := number * _SECONDS[unit]) <= _LONGEST_S:
        raise ValueError(f"{text!r} is not between 1 ms and 100 years")
    return found


def size_bytes(text: str | int) -> int:
    """Return ``text`` in bytes; a bare number is bytes already.

    Raises
    ------
    ValueError: not a positive size.
    """
    number, unit = _split(text, "B")
    if unit not in _BYTES:
        raise ValueError(f"{text!r} is not a size; write a number and one of {', '.join(_BYTES)}, as in 64MB")
    if not 1 <= (found := int(number * _BYTES[unit])) <= _MOST_BYTES:
        raise ValueError(f"{text!r} is not between 1 B and a million GB")
    return found


def _split(text: str | float, default_unit: str) -> tuple[float, str]:
    if isinstance(text, int | float) and not isinstance(text, bool):
        number, unit = float(min(text, 1e300)), default_unit
    else:
        found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z]*)\s*", str(text))
        number, unit = (float(found[1]), found[2] or default_unit) if found else (0.0, "")
    if not 0 < number < math.inf:
        raise ValueError(f"{text!r} is not a positive number with a unit")
    return number, unit
