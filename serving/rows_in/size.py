"""How many numbers a body and its answer may have: they take many times the bytes, so they are counted before."""

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


def check_answer(n: int, width: int, by: str) -> None:
    """Refuse more rows than may be answered with so many numbers each; ``by`` says in a word what each is of.

    Raises
    ------
    RequestTooLargeError: names the limit.
    """
    _check(n * (width + 1), "answer", by)


def _check(numbers: int, where: str = "body", by: str = "features") -> None:
    if numbers > MOST_NUMBERS:
        raise RequestTooLargeError(
            f"the {where} has more than {MOST_NUMBERS} numbers (rows x {by}, and one more a row); send fewer rows"
        )
