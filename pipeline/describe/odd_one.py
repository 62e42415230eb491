"""The value that keeps a column from being what nearly all of its values are."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.describe.numbers import Numbers
from pipeline.describe.times import Times

_LOOKED_AT = 200
_FEWEST = 10
_NEARLY = 0.9


def odd_one(readings: Sequence[Numbers | Times], texts: Sequence[str]) -> tuple[str, str] | None:
    """Return what nearly all of ``texts`` are, and the first that is not; None where they are text."""
    some = texts[:_LOOKED_AT]
    taken = [(sum(reading.takes([text]) for text in some), place) for place, reading in enumerate(readings)]
    most, place = max(taken, key=lambda found: (found[0], -found[1]), default=(0, 0))
    if most < max(_FEWEST, len(some) * _NEARLY):
        return None
    reading = readings[place]
    said = "numbers" if isinstance(reading, Numbers) else "dates" if reading.kind == "date" else "times"
    return next(((said, text) for text in texts if not reading.takes([text])), None)
