"""One reading of times for cells, records and Parquet: ISO 8601 text, or epoch numbers where the stream file says so.

Both may have nine digits of a second; microseconds are kept, and what is beyond them is cut off (towards the past).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from contract.zones import in_zone

EpochUnit = Literal["s", "ms", "us", "ns"]

PER_SECOND: Final[dict[EpochUnit, int]] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EARLIEST_US: Final = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z, in microseconds since 1970."""
LATEST_US: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# Python would read any character between date and time, and so an epoch number or an offset as an hour.
_DATE = r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?)"
_TIME = r"[0-9]{2}(:?[0-9]{2}(:?[0-9]{2}([.,][0-9]{1,9})?)?)?( ?(Z|[-+][0-9:.]+))?"
_ISO = re.compile(f"{_DATE}([T ]{_TIME})?")
_NUMBER = re.compile(r"[-+]?(\d{9,}|\d*\.\d*)([eE][-+]?\d+)?")
_FINE = re.compile(r"[.,]\d{10}")


def epoch_digits(unit: EpochUnit) -> int:
    """Return how many digits behind the point an epoch number may have: nine of a second."""
    return 10 - len(str(PER_SECOND[unit]))


def text_us(text: str, zone: str | None = None, pattern: str | None = None) -> int:
    """Return a time in microseconds since 1970; one that names no zone is of ``zone``, by default UTC.

    It is ISO 8601 text, with `T` or a space before the time of day, or what ``pattern``, in the letters of `strptime`,
    says.

    Raises
    ------
    ValueError: not such a time, outside the years 1 to 9999, or an hour that the zone's clocks have twice or never.
    """
    moment = _iso(text) if pattern is None else by_pattern(text, pattern)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC) if zone is None else in_zone(moment, zone)
    return within_years((moment - EPOCH) // _MICROSECOND)


def by_pattern(text: str, pattern: str) -> datetime:
    """Return the time that ``text`` says, in the letters of `strptime`.

    Raises
    ------
    ValueError: it is not written so.
    """
    try:
        return datetime.strptime(text, pattern)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not as {pattern!r} says") from error


def _iso(text: str) -> datetime:
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text)
    if _NUMBER.fullmatch(text):
        raise ValueError("a number is no ISO 8601 time; if it counts from 1970, say `epoch: s`, ms, us or ns")
    if _FINE.search(text):
        raise ValueError("more than nine digits of a second")
    raise ValueError(f"{text[:40]!r} is no ISO 8601 time, as 2013-01-01T05:00:00Z or 2013-01-01 05:00 is")


def us_text(us: int) -> str:
    """Return microseconds since 1970 as an ISO 8601 time, UTC."""
    return (EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")


def epoch_us(number: str | int | Decimal, unit: EpochUnit) -> int:
    """Return an epoch number in microseconds since 1970.

    Raises
    ------
    ValueError: not a number, finer than nine digits of a second, or outside the years 1 to 9999.
    """
    exact = _exact(number, unit)
    return within_years(int((exact * 10**6 / PER_SECOND[unit]).to_integral_value("ROUND_FLOOR")))


def epoch_number(number: str | int | Decimal, unit: EpochUnit) -> int | str:
    """Return an epoch number as a record carries it: an integer, or text where it has digits behind the point.

    Raises
    ------
    ValueError: as :func:`epoch_us`.
    """
    epoch_us(number, unit)
    exact = _exact(number, unit)
    return int(exact) if exact == exact.to_integral_value() else f"{exact.normalize():f}"


def within_years(us: int) -> int:
    """Return ``us`` if it lies within the years 1 to 9999.

    Raises
    ------
    ValueError: it does not.
    """
    if not EARLIEST_US <= us <= LATEST_US:
        raise ValueError("outside the years 1 to 9999")
    return us


def _exact(number: str | int | Decimal, unit: EpochUnit) -> Decimal:
    text = str(number)
    if len(text) > 40 or "_" in text or not text.isascii():
        raise ValueError(f"{text[:40]} is not a plain number")
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text} is not a number of {unit} since 1970") from error
    if not exact.is_finite() or abs(exact) >= 10**12 * PER_SECOND[unit]:
        raise ValueError(f"{text} is outside the years 1 to 9999")
    if -int(exact.as_tuple().exponent) > epoch_digits(unit) and exact != round(exact, epoch_digits(unit)):
        raise ValueError(f"{text} has more than nine digits of a second")
    return exact
