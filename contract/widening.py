"""Which type a column may have after it was landed with another one: only what reads every landed value as it was."""

from __future__ import annotations

from typing import Final

from contract.column_types import decimal_digits

_WIDER: Final = frozenset({("int32", "int64"), ("int32", "float64"), ("int64", "float64"), ("float32", "float64")})
_DIGITS: Final = {"int32": 10, "int64": 19}
"""Decimal digits of the largest whole numbers."""

EXACT_IN_DOUBLE: Final = 2**53
"""Up to here, of either sign, a float64 holds every whole number."""

SAID: Final = (
    "int32 to int64, float64 or a decimal, int64 to float64 or a decimal, float32 to float64, a decimal to one with "
    "no fewer digits on either side of the point"
)


def may_become(landed: str, declared: str) -> bool:
    """Whether a column that was landed as one type can be read as the other; see :func:`by_value`."""
    if landed == declared or (landed, declared) in _WIDER:
        return True
    if (wide := decimal_digits(declared)) is None:
        return False
    behind = wide[1]
    whole = wide[0] - behind
    if (narrow := decimal_digits(landed)) is not None:
        return narrow[1] <= behind and narrow[0] - narrow[1] <= whole
    return landed in _DIGITS and _DIGITS[landed] <= whole


def by_value(landed: str, declared: str) -> bool:
    """Whether it depends on the landed values: none may be beyond ``EXACT_IN_DOUBLE``."""
    return (landed, declared) == ("int64", "float64")
