"""Whether text is numbers, written in one certain way, and which type keeps all of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from contract.stream_sections import Column
from pipeline.cells import reader
from pipeline.numerals import Numerals

_MOST_DIGITS = 38
# A double keeps the digits of what was written as one: 17, and a point.
_DOUBLE_CHARACTERS = 18
_DOUBLE_DIGITS = 17
_SAFE_CHARACTERS = 15
_SAFE_WHOLE = 2**53
# As a double, which rounds: nearer to the end it is not known on which side a number is.
_SURE_64_BITS = 2**63 - 2048
_PADDED = re.compile(r"\s*[-+]?0\d")
_WHOLE = re.compile(r"\s*[-+]?\d+\s*")
# Each letter is looked at once, however long a cell is.
_PLAIN = re.compile(r"\s*+[-+]?(\d*+)\.?(\d*+)([eE].*+)?\s*")


_DOUBLE = reader(Column(type="float64"), Numerals())


class Numbers:
    """Numbers that are written as ``numerals`` says, a block of them after the other."""

    def __init__(self, numerals: Numerals) -> None:
        self.numerals = numerals
        self.low, self.high = math.inf, -math.inf
        self.marked = False
        """Whether one of them had a mark that only these numerals read."""
        self._plain = numerals.reader()
        self.are_whole, self._exact, self._exponent = True, True, False
        self._before, self._behind, self._long = 0, 0, False

    def takes(self, texts: Sequence[str]) -> bool:
        """Count ``texts``, and return whether all of them are such numbers."""
        try:
            return all(map(self._takes, texts))
        except (ValueError, OverflowError):
            return False

    def _takes(self, text: str) -> bool:
        written = self._plain(text)
        if (found := _PLAIN.fullmatch(written)) is None or _PADDED.match(written):
            return False
        number = float(written)
        if not math.isfinite(number):
            return False
        before, behind = found[1].lstrip("0"), found[2]
        self.marked = self.marked or written != text
        self._count(number, whole=_WHOLE.fullmatch(written) is not None, exponent=found[3] is not None)
        self._before, self._behind = max(self._before, len(before)), max(self._behind, len(behind))
        self._long = self._long or len((before + behind).strip("0")) > _DOUBLE_DIGITS
        try:
            _DOUBLE(written)
        except ValueError:
            self._exact = False
        return True

    def _count(self, number: float, *, whole: bool, exponent: bool) -> None:
        self.low, self.high = min(self.low, number), max(self.high, number)
        self.are_whole, self._exponent = self.are_whole and whole, self._exponent or exponent

    def take_ints(self, low: int, high: int) -> None:
        """Count whole numbers of 64 bits that lie between ``low`` and ``high``."""
        self._count(low, whole=True, exponent=False)
        self._count(high, whole=True, exponent=False)
        self._before = max(self._before, len(str(max(-low, high))))
        # Between these bounds may be one that a double rounds.
        self._exact = self._exact and -_SAFE_WHOLE <= low <= high <= _SAFE_WHOLE

    def take_floats(self, values: pa.Array) -> bool:
        """Count ``values`` if Arrow reads all of them as doubles that need no closer look; return whether it did."""
        try:
            floats = values.cast(pa.float64())
        except pa.ArrowInvalid:
            return False
        bounds = pc.min_max(floats).as_py()
        if (
            bounds["min"] is None
            or not math.isfinite(bounds["max"] - bounds["min"])
            or pc.any(pc.is_nan(floats)).as_py()
        ):
            return False
        odd = values.filter(_odd(values))
        # What a double does not keep needs the digits of all values.
        if (len(odd) and not self.takes(odd.to_pylist())) or self._long or not self._exact:
            return False
        exponent = pc.any(pc.match_substring(values, "e", ignore_case=True)).as_py()
        if self.are_whole and not exponent and not pc.any(pc.match_substring(values, ".")).as_py():
            return False
        self._count(bounds["min"], whole=False, exponent=exponent)
        self._count(bounds["max"], whole=False, exponent=exponent)
        self._before = max(self._before, len(str(int(max(-bounds["min"], bounds["max"])))))
        self._behind = max(self._behind, _DOUBLE_DIGITS)
        return True

    def take_as(self, other: Numbers) -> bool:
        """Count what ``other`` has counted, which has read all that this has, and alike."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.are_whole, self._exact = self.are_whole and other.are_whole, self._exact and other._exact
        self._exponent, self._long = self._exponent or other._exponent, self._long or other._long
        self._before, self._behind = max(self._before, other._before), max(self._behind, other._behind)
        return True

    @property
    def type(self) -> str | None:
        """The column type that keeps every one of them, None where none does."""
        if self.are_whole:
            if self._before <= 18 or -_SURE_64_BITS < self.low <= self.high < _SURE_64_BITS:
                return "int64"
            return f"decimal({self._before},0)" if self._before <= _MOST_DIGITS else None
        if self._exact and not self._long:
            return "float64"
        digits = self._before + self._behind
        return f"decimal({digits},{self._behind})" if digits <= _MOST_DIGITS and not self._exponent else None


def ints_of(values: pa.Array) -> pa.Array | None:
    """Return ``values`` as whole numbers, if Arrow reads them all, and so would replay."""
    try:
        ints = values.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return None if _any_padded(values) else ints


def _any_padded(values: pa.Array) -> bool:
    """Whether a number may have a zero in front that is no fraction's, as 007 or 0x1f has."""
    zero = pc.starts_with(values, "0")
    padded = pc.and_(zero, pc.and_(pc.greater(pc.binary_length(values), 1), pc.invert(pc.starts_with(values, "0."))))
    signed = pc.and_(pc.starts_with(values, "-0"), pc.invert(pc.starts_with(values, "-0.")))
    return bool(pc.any(padded).as_py() or pc.any(signed).as_py())


def _odd(values: pa.Array) -> pa.Array:
    """Return which numbers need a closer look: those of more digits than a double keeps, 007, and long whole ones.

    A zero before the point is none of its digits.
    """
    lengths = pc.binary_length(values)
    signs = pc.starts_with(values, "-")
    zeros = pc.or_(pc.starts_with(values, "0."), pc.starts_with(values, "-0."))
    digits = pc.subtract(lengths, pc.add(signs.cast(pa.int32()), zeros.cast(pa.int32())))
    long = pc.and_(pc.greater(lengths, _SAFE_CHARACTERS), pc.invert(pc.match_substring(values, ".")))
    padded = pc.and_(pc.or_(pc.starts_with(values, "0"), pc.starts_with(values, "-0")), pc.invert(zeros))
    padded = pc.and_(padded, pc.greater(lengths, 1))
    return pc.or_(pc.or_(pc.greater(digits, _DOUBLE_CHARACTERS), long), padded)
