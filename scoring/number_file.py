"""Reads and writes the JSON file of a version's numbers: a format number and named fields, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .features import Encoding

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
    return _read(body, {number: fields})


def write_typed(numbers: Any, number: int) -> bytes:
    """Return the file of the dataclass ``numbers``: of format ``number``, or the one after it where rows are typed."""
    fields = {name: getattr(numbers, name) for name in numbers.__dataclass_fields__}
    factors, typed = fields.pop("factors"), fields.pop("typed")
    if typed is None:
        return write(fields, number)
    return write({**fields, "factors": factors, "encoding": typed.to_fields()}, number + 1)


def read_typed(body: bytes, number: int, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what :func:`write_typed` took, ``fields`` being those of plain rows.

    Raises
    ------
    ValueError: not such a file.
    """
    more: dict[str, Field] = {"factors": numbers, "encoding": Encoding.from_fields}
    found = _read(body, {number: fields, number + 1: {**fields, **more}})
    if "encoding" in found:
        found["typed"] = found.pop("encoding")
    return found


def _read(body: bytes, formats: Mapping[int, Mapping[str, Field]]) -> dict[str, Any]:
    try:
        found = json.loads(body)
        number = found.pop("format")
        if type(number) is not int or number not in formats:
            raise ValueError(f"its format is not {' or '.join(map(str, formats))}")
        taken = {name: field(found.pop(name)) for name, field in formats[number].items()}
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a scoring file: {error!r}") from error
    if found:
        raise ValueError(f"not a scoring file of format {number}: unknown {', '.join(found)}")
    return taken
