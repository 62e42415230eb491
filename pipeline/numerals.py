"""How a file writes its numbers: what stands before the fraction, between the thousands, and behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_WHOLE = re.compile(r"([-+]?\d+)\.0*")


@dataclass(frozen=True)
class Numerals:
    """Reads numbers that have ``decimal`` before their fraction, ``thousands`` between groups, a `%` if ``percent``."""

    decimal: str = "."
    thousands: str | None = None
    percent: bool = False
    _grouped: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the pattern; in India groups have two digits, but for the last."""
        between, point = re.escape(self.thousands or ","), re.escape(self.decimal)
        grouped = rf"\s*[-+]?\d{{1,3}}({between}\d{{2,3}})*{between}\d{{3}}({point}\d*)?\s*"
        object.__setattr__(self, "_grouped", re.compile(grouped))

    def reader(self) -> Callable[[str], str]:
        """Return :meth:`plain`, or what does the same where numbers are written as Python writes them."""
        return _plain if self == Numerals() else self.plain

    def plain(self, text: str) -> str:
        """Return ``text`` as Python writes a number.

        Raises
        ------
        ValueError: it is not written as the file's numbers are, or only Python would take it: 1_000, other digits.
        """
        found = text
        if self.percent:
            found = found.rstrip().removesuffix("%").rstrip()
        if self.thousands is not None and self.thousands in found.strip():
            if not self._grouped.fullmatch(found):
                raise ValueError(f"{text} has {self.thousands!r}, but not between thousands")
            found = found.replace(self.thousands, "")
        if self.decimal != ".":
            if "." in found:
                raise ValueError(f"{text} has a point, and {self.decimal!r} stands before the fraction here")
            found = found.replace(self.decimal, ".")
        return _plain(found)


def _plain(text: str) -> str:
    if "_" in text or not text.isascii():
        raise ValueError(f"{text} is not a plain number")
    return text


def whole(text: str) -> int:
    """Return a plain number that has no fraction, or one of zeros.

    Raises
    ------
    ValueError: not such a number.
    """
    found = _WHOLE.fullmatch(text.strip())
    try:
        return int(found[1] if found else text)
    except ValueError as error:
        # Python reads some thousand digits at most, and no type has as many.
        said = "has too many digits" if text.strip().lstrip("+-").isdigit() else "is not a whole number"
        raise ValueError(f"{text[:40]} {said}") from error
