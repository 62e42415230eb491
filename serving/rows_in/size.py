"""How many numbers a body may have: what it becomes takes many times its bytes, so they are counted before it is."""

from __future__ import annotations

from typing import Final

from contract.errors import RequestTooLargeError

# Rows times features, and one more for each row. A worker takes some 200 bytes for each.
MOST_NUMBERS: Final = 4_000_000


def check_size(body: bytes) -> None:
    """Refuse a body of too many values, whatever they are; every one follows a comma or an opening bracket.

    Raises
    ------
    RequestTooLargeError: names the limit.
    """
    if len(body) > MOST_NUMBERS:
        _check(body.count(b",") + body.count(b"[") + body.count(b"{"))


def check_rows(n: int, width: int) -> None:
    """Refuse more rows than may be made of a body, be they so wrong that it has no numbers for them.

    Raises
    ------
    RequestTooLargeError: names the limit.
    """
    _check(n * (width + 1))


def _check(numbers: int) -> None:
    if numbers > MOST_NUMBERS:
        raise RequestTooLargeError(
            f"the body has more than {MOST_NUMBERS} numbers (rows x features, and one more a row); send fewer rows"
        )
