"""Reads and writes the JSON file of a version's numbers: a format number and named fields, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Field = Callable[[Any], Any]


def texts(values: Any) -> tuple[str, ...]:
    """Return a list of names."""
    return tuple(str(value) for value in values)


def numbers(values: Any) -> tuple[float, ...]:
    """Return a list of doubles."""
    return tuple(float(x) for x in values)


def rows(values: Any) -> tuple[tuple[float, ...], ...]:
    """Return a list of lists of doubles."""
    return tuple(numbers(row) for row in values)


def write(fields: Mapping[str, Any], number: int) -> bytes:
    """Return a file of format ``number``; every double survives the round trip exactly."""
    return json.dumps({"format": number, **fields}, indent=1).encode()


def read(body: bytes, number: int, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the ``fields`` of a file of format ``number``, each taken from JSON by its function.

    Raises
    ------
    ValueError: not such a file.
    """
    try:
        found = json.loads(body)
        if found.pop("format") != number:
            raise ValueError(f"its format is not {number}")
        taken = {name: field(found.pop(name)) for name, field in fields.items()}
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a scoring file: {error!r}") from error
    if found:
        raise ValueError(f"not a scoring file of format {number}: unknown {', '.join(found)}")
    return taken
