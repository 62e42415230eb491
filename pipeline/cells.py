"""One cell of a data file, as text, becomes the value that its JSON record carries."""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Callable, Mapping
from datetime import time
from decimal import Decimal

from contract.column_types import decimal_digits
from contract.moment import EpochUnit, by_pattern, epoch_number, text_us, us_text
from contract.plain_values import base64_bytes, calendar_date, clock_time, decimal_text
from contract.stream import Stream
from contract.stream_sections import Column
from pipeline.numerals import Numerals, whole

Value = int | float | bool | str | None
Reader = Callable[[str], Value]

_INT_BITS = {"int32": 31, "int64": 63}
_TRUE, _FALSE = ("true", "t", "yes", "y", "on", "1"), ("false", "f", "no", "n", "off", "0")
_BOOLEANS = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
# So many digits a double keeps, whichever they are.
_SAFE_DIGITS = 15


def readers(stream: Stream) -> Mapping[str, Reader]:
    """Return per column what reads its cells; it raises ValueError for a cell that is not of the column's type."""
    nulls = frozenset(stream.null_values)
    return {name: _nullable(read, nulls) for name, read in text_readers(stream).items()}


def text_readers(stream: Stream) -> Mapping[str, Reader]:
    """Return per column what reads text in the way of this stream's files, where null is no text."""
    written = stream.written
    return {
        name: reader(column, Numerals(written.decimal, written.thousands, column.percent))
        for name, column in stream.columns.items()
    }


@functools.lru_cache(maxsize=65_536)
def iso_utc(text: str, zone: str | None = None, pattern: str | None = None) -> str:
    """Return a time as ISO 8601 in UTC, ``2013-01-01T10:00:00Z``; one without a zone is of ``zone``, by default UTC.

    Raises
    ------
    ValueError: not such a time, as ``contract.moment.text_us`` reads it.
    """
    return us_text(text_us(text, zone, pattern))


def epoch(text: str, unit: EpochUnit) -> int | str | None:
    """Return an epoch number as a record carries it.

    Raises
    ------
    ValueError: not one of ``unit`` within the years 1 to 9999.
    """
    return epoch_number(text, unit)


def reader(column: Column, numerals: Numerals) -> Reader:
    """Return what reads text of a column, whose numbers are written as ``numerals`` says."""
    kind = column.type
    plain = numerals.reader()
    if (unit := column.epoch) is not None:
        return lambda text: epoch(plain(text), unit)
    if kind in _INT_BITS:
        return _integers(_INT_BITS[kind], plain)
    if kind in {"float32", "float64"}:
        return _numbers(plain)
    if (digits := decimal_digits(kind)) is not None:
        return lambda text: decimal_text(plain(text), *digits)
    if kind == "timestamp":
        zone, pattern = column.zone, column.format
        return iso_utc if zone is None and pattern is None else lambda text: iso_utc(text, zone, pattern)
    others: dict[str, Reader] = {
        "bool": _boolean,
        "date": functools.partial(_date, pattern=column.format),
        "time": functools.partial(_time, pattern=column.format),
        "binary": _base64,
    }
    return others.get(kind, str)


def _nullable(read: Reader, nulls: frozenset[str]) -> Reader:
    return lambda text: None if text in nulls else read(text)


def _integers(bits: int, plain: Callable[[str], str]) -> Reader:
    low, high = -(1 << bits), 1 << bits

    def read(text: str) -> int:
        written = plain(text)
        try:
            number = int(written)
        except ValueError:
            number = whole(written)
        if not low <= number < high:
            raise ValueError(f"{text} does not fit into {bits + 1} bits")
        return number

    return read


def _numbers(plain: Callable[[str], str]) -> Reader:
    def read(text: str) -> float:
        written = plain(text)
        try:
            number = float(written)
        except ValueError as error:
            raise ValueError(f"{text} is not a number") from error
        if not math.isfinite(number):
            raise ValueError(f"{text} is not a finite number")
        if len(written) > _SAFE_DIGITS and written.strip().lstrip("+-").isdigit() and Decimal(written) != number:
            raise ValueError(f"{text} has more digits than a float64 keeps: int64 or a decimal does")
        return number

    return read


def _boolean(text: str) -> bool:
    if (value := _BOOLEANS.get(text.strip().lower())) is None:
        raise ValueError(f"{text} is neither true nor false")
    return value


@functools.lru_cache(maxsize=65_536)
def _date(text: str, pattern: str | None) -> str:
    if pattern is None:
        return calendar_date(text).isoformat()
    found = by_pattern(text, pattern)
    if found.time() != time.min:
        raise ValueError(f"{text} has a time of day, and a date has none; a timestamp does")
    return found.date().isoformat()


@functools.lru_cache(maxsize=65_536)
def _time(text: str, pattern: str | None) -> str:
    found = clock_time(text) if pattern is None else by_pattern(text, pattern).time()
    return found.isoformat()


def _base64(text: str) -> str:
    return base64.b64encode(base64_bytes(text)).decode()
