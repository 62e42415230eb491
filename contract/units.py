"""Durations and sizes as people write them in stream files and flags: `5m`, `30s`, `64MB`."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def seconds(text: str | float) -> float:
    """Return ``text`` in seconds; a bare number is seconds already.

    Raises
    ------
    ValueError: not a positive duration.
    """
    number, unit = _split(str(text), "s")
    if unit not in _SECONDS:
        raise ValueError(f"{text!r} is not a duration; write a number and one of {', '.join(_SECONDS)}, as in 5m")
    return number * _SECONDS[unit]


def size_bytes(text: str | int) -> int:
    """Return ``text`` in bytes; a bare number is bytes already.

    Raises
    ------
    ValueError: not a positive size.
    """
    number, unit = _split(str(text), "B")
    if unit not in _BYTES:
        raise ValueError(f"{text!r} is not a size; write a number and one of {', '.join(_BYTES)}, as in 64MB")
    return int(number * _BYTES[unit])


def _split(text: str, default_unit: str) -> tuple[float, str]:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if found is None or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is not a positive number with a unit")
    return float(found[1]), found[2] or default_unit
