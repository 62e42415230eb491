"""One reading of decimals, times of day and bytes, for cells and records alike."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import date, time
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation

_CLOCK = re.compile(r"\d\d:\d\d(:\d\d([.,]\d{1,9})?)?")


class JsonNumber(str):
    """A JSON number as it is written: a double would not keep its digits."""

    __slots__ = ()


def is_text(found: str) -> bool:
    """Whether ``found`` can be written: half a letter, a surrogate that stands alone, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in found)


def decimal_text(number: str | Decimal, precision: int, scale: int) -> str:
    """Return ``number`` with ``scale`` digits behind the point, none of its own lost.

    Raises
    ------
    ValueError: not a number, or one of more digits than ``precision`` and ``scale`` allow.
    """
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    try:
        exact = Decimal(number)
        if not exact.is_finite():
            raise ValueError(f"{number} is not a finite number")
        found = exact.quantize(Decimal(1).scaleb(-scale), context=context)
    except DecimalException as error:
        digits = f"{precision - scale} digits before the point and {scale} behind it"
        said = f"has more than {digits}" if _is_number(number) else "is not a number"
        raise ValueError(f"{number} {said}") from error
    return f"{found or abs(found):f}"


def _is_number(number: str | Decimal) -> bool:
    try:
        return Decimal(number).is_finite()
    except DecimalException:
        return False


def calendar_date(text: str) -> date:
    """Return a date, `2024-01-31`.

    Raises
    ------
    ValueError: not such a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text[:40]} is no date, as 2024-01-31 is") from error


def clock_time(text: str) -> time:
    """Return a time of day, `10:30` or `10:30:00.5`; what is finer than a microsecond is cut off.

    Raises
    ------
    ValueError: not such a time.
    """
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text} is no time of day, as 10:30:00 is")
    return time.fromisoformat(text)


def base64_bytes(text: str) -> bytes:
    """Return the bytes that ``text`` stands for.

    Raises
    ------
    ValueError: not Base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not Base64: {error}") from error
