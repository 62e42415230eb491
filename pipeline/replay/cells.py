"""One cell of a data file, as text, becomes the value that its JSON record carries."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

from contract.moment import EpochUnit, epoch_number, text_us, us_text
from contract.stream import Column, Stream

Value = int | float | bool | str | None
Reader = Callable[[str], Value]

_INT_BITS = {"int32": 31, "int64": 63}
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def readers(stream: Stream) -> Mapping[str, Reader]:
    """Return per column what reads its cells; it raises ValueError for a cell that is not of the column's type."""
    nulls = frozenset(stream.null_values)
    return {name: _nullable(_reader(column), nulls) for name, column in stream.columns.items()}


@functools.lru_cache(maxsize=65_536)
def iso_utc(text: str) -> str:
    """Return a time as ISO 8601 in UTC, ``2013-01-01T10:00:00Z``; without a zone it is taken as UTC.

    Raises
    ------
    ValueError: not an ISO 8601 time.
    """
    return us_text(text_us(text))


def epoch(text: str, unit: EpochUnit) -> int | str | None:
    """Return an epoch number as a record carries it.

    Raises
    ------
    ValueError: not one of ``unit`` within the years 1 to 9999.
    """
    return epoch_number(text, unit)


def _nullable(read: Reader, nulls: frozenset[str]) -> Reader:
    return lambda text: None if text in nulls else read(text)


def _reader(column: Column) -> Reader:
    kind = column.type
    if column.epoch is not None:
        return functools.partial(epoch, unit=column.epoch)
    if kind in _INT_BITS:
        return functools.partial(_integer, bits=_INT_BITS[kind])
    if kind in {"float32", "float64"}:
        return _number
    if kind == "bool":
        return _boolean
    return iso_utc if kind == "timestamp" else str


def _integer(text: str, bits: int) -> int:
    number = int(_plain(text))
    if not -(1 << bits) <= number < 1 << bits:
        raise ValueError(f"{text} does not fit into {bits + 1} bits")
    return number


def _number(text: str) -> float:
    number = float(_plain(text))
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _plain(text: str) -> str:
    """Refuse what only Python takes for a number: 1_000, and the digits of other scripts."""
    if "_" in text or not text.isascii():
        raise ValueError(f"{text} is not a plain number")
    return text


def _boolean(text: str) -> bool:
    if (value := _BOOLEANS.get(text.lower())) is None:
        raise ValueError(f"{text} is neither true nor false")
    return value
