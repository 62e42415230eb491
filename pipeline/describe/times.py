"""Whether text is times, dates or times of day, each in one certain form."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from contract.file_format import has_zone
from contract.moment import EARLIEST_US, EPOCH, LATEST_US, text_us
from contract.stream_sections import Column
from pipeline.cells import Reader, reader
from pipeline.numerals import Numerals

_LETTERS = {
    "%d": r"\d{1,2}", "%m": r"\d{1,2}", "%Y": r"\d{4}", "%y": r"\d{2}(?!\d)", "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{4,9}", "%a": "[A-Za-z]{3}",
    "%H": r"\d{1,2}", "%I": r"\d{1,2}", "%M": r"\d{2}", "%S": r"\d{2}", "%f": r"\d{1,6}",
    "%p": "[AaPp][Mm]", "%z": r"[-+]\d{2}:?\d{2}",
}  # fmt: skip


def _shapes(patterns: Iterable[str]) -> dict[str, re.Pattern[str]]:
    """Return what text of each pattern looks like: asking strptime for all of them would take long."""
    parts = {pattern: re.split("(%[a-zA-Z])", pattern) for pattern in patterns}
    return {
        pattern: re.compile("".join(_LETTERS.get(part) or re.escape(part) for part in found))
        for pattern, found in parts.items()
    }


_DAYS = _shapes((
    "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y",
    "%Y.%m.%d", "%Y-%m-%d", "%b %d %Y", "%b %d, %Y", "%B %d %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y",
    "%d-%b-%y", "%d/%b/%Y", "%a, %d %b %Y", "%a %d %b %Y", "%b. %d, %Y",
))  # fmt: skip
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
_ZONES = ("", " %z", "%z", " UTC", " GMT", "Z")
_TAILS = _shapes(["", *map("".join, itertools.product((" ", "T", ", "), _CLOCKS, _ZONES))])
_OTHERS = _shapes((
    "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S UTC %Y", "%d/%b/%Y:%H:%M:%S %z",
))  # fmt: skip
_TIMES = _shapes(("%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p"))
_ISO = "%Y-%m-%d"
_ZONE_SAID = re.compile("UTC|GMT|Z$")
_ISO_DAY = 10
_DAY = timedelta(days=1)


class Times:
    """Text of one of the types that say when, in ISO 8601 or in a pattern of strptime's letters."""

    def __init__(self, kind: str, pattern: str | None = None) -> None:
        self.kind, self.pattern = kind, pattern
        self.low, self.high = LATEST_US + 1, EARLIEST_US - 1
        self.without_zone = False
        self.clocks: set[time] = set()
        """Times of day, two of them at most: whether there is more than one."""
        self._read: Reader = reader(Column(type=kind, format=pattern), Numerals())

    def takes(self, texts: Sequence[str]) -> bool:
        """Count ``texts``, and return whether all of them are such times."""
        try:
            return all(map(self._takes, texts))
        except (ValueError, OverflowError):
            return False

    def _takes(self, text: str) -> bool:
        if self.pattern is None and text[:4].isdigit() and text.isdigit():
            # ISO 8601 has dates without hyphens, which are numbers as well.
            return False
        if self.kind != "timestamp":
            return self._read(text) is not None
        us = text_us(text, None, self.pattern)
        self.low, self.high = min(self.low, us), max(self.high, us)
        self._see(us)
        self.without_zone = self.without_zone or not self._has_zone(text)
        return True

    def _has_zone(self, text: str) -> bool:
        if self.pattern is not None:
            return has_zone(self.pattern) or _ZONE_SAID.search(self.pattern) is not None
        return datetime.fromisoformat(text).tzinfo is not None

    def _see(self, us: int) -> None:
        if len(self.clocks) < 2:
            self.clocks.add((EPOCH + timedelta(microseconds=us)).time())

    def take_fast(self, values: pa.Array) -> bool:
        """Count ``values`` if Arrow reads all of them as ISO 8601, as replay would; return whether it did."""
        if self.pattern is not None or self.kind == "time":
            return False
        if self.kind == "date":
            return self._cast(values, pa.date32())
        lengths = pc.min_max(pc.binary_length(values)).as_py()
        for zone in (None, "UTC") if lengths["max"] > _ISO_DAY else (None,):
            if self._cast(values, pa.timestamp("us", zone)):
                self.without_zone = self.without_zone or zone is None
                return True
        return False

    def _cast(self, values: pa.Array, kind: pa.DataType) -> bool:
        try:
            found = values.cast(kind)
        except pa.ArrowInvalid:
            return False
        us = found.cast(pa.timestamp("us")).cast(pa.int64()) if self.kind == "date" else found.cast(pa.int64())
        bounds = pc.min_max(us).as_py()
        if bounds["min"] is None or bounds["min"] < EARLIEST_US or bounds["max"] > LATEST_US:
            return False
        self.low, self.high = min(self.low, bounds["min"]), max(self.high, bounds["max"])
        if len(self.clocks) < 2 and self.kind == "timestamp":
            day = _DAY // timedelta(microseconds=1)
            within = pc.subtract(us, pc.multiply(pc.divide(us, day), day))
            for us_of_day in pc.unique(within).slice(0, 2).to_pylist():
                self._see(us_of_day)
        return True


def forms_of(text: str) -> Iterator[Times]:
    """Yield all forms that ``text`` may be of, those that are preferred first."""
    yield Times("date")
    yield Times("timestamp")
    yield Times("time")
    for day, pattern in _DAYS.items():
        if (found := pattern.match(text)) is not None:
            tails = [tail for tail, rest in _TAILS.items() if rest.fullmatch(text, found.end())]
            yield from (Times("timestamp" if tail else "date", day + tail) for tail in tails if (day + tail) != _ISO)
    for kind, others in (("timestamp", _OTHERS), ("time", _TIMES)):
        yield from (Times(kind, pattern) for pattern, shape in others.items() if shape.fullmatch(text))
