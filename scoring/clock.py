"""What a clock on a wall and a calendar show at a time: hour, weekday and month in a zone, as integers.

Each formula takes an int as well as an array of int64. Years are those of the Gregorian calendar, before 1582 too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SLOTS: Final = {"hour": 24, "weekday": 7, "month": 12}
MISSING: Final = -(2**63)
"""Stands for no time in an array of microseconds, as numpy's NaT does."""

_SECOND: Final = 10**6
_DAY: Final = 86_400 * _SECOND
CYCLE_US: Final = 146_097 * _DAY
"""400 years are a whole number of weeks, so whatever rule a zone follows, it begins again."""
TABLE_END_US: Final = 16_725_225_600_000_000
"""2500-01-01. What a zone does until then is told; later it is as 400 years, or a multiple of them, before."""
MOST_OFFSETS: Final = 5_000
_LONGEST_OFFSET_S: Final = 86_400


@dataclass(frozen=True)
class Zone:
    """A zone's offsets from UTC in seconds [m + 1]; from ``since_us`` [m] on, ascending, the next one holds."""

    since_us: tuple[int, ...] = ()
    offsets_s: tuple[int, ...] = (0,)
    name: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse numbers that are no zone's.

        Raises
        ------
        ValueError: says which.
        """
        if len(self.offsets_s) != len(self.since_us) + 1 or len(self.since_us) > MOST_OFFSETS:
            raise ValueError(f"{len(self.offsets_s)} offsets of a zone for {len(self.since_us)} changes")
        if any(type(x) is not int for x in (*self.since_us, *self.offsets_s)):
            raise ValueError("a zone's numbers are integers")
        if list(self.since_us) != sorted(set(self.since_us)) or not all(abs(x) < 2**62 for x in self.since_us):
            raise ValueError("the changes of a zone are not ascending times")
        if not all(abs(x) <= _LONGEST_OFFSET_S for x in self.offsets_s):
            raise ValueError("an offset of a zone is longer than a day")

    @cached_property
    def _arrays(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return np.array(self.since_us, dtype=np.int64), np.array(self.offsets_s, dtype=np.int64)

    def local(self, time_us: int) -> int:
        """Return what the clock shows at ``time_us`` (UTC), in microseconds since 1970 on that clock."""
        if not self.since_us:
            return time_us + self.offsets_s[0] * _SECOND
        return time_us + self.offsets_s[bisect_right(self.since_us, _told(time_us))] * _SECOND

    def locals(self, times_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the same of many times [n]."""
        since, offsets = self._arrays
        later = times_us >= TABLE_END_US
        told = np.where(later, times_us - -((TABLE_END_US - 1 - times_us) // CYCLE_US) * CYCLE_US, times_us)
        return np.asarray(times_us + offsets[np.searchsorted(since, told, side="right")] * _SECOND)


def _told(time_us: int) -> int:
    """Return the time within the table that has the same offset."""
    return time_us if time_us < TABLE_END_US else time_us + ((TABLE_END_US - 1 - time_us) // CYCLE_US) * CYCLE_US


UTC: Final = Zone()


def slot(of: str, local_us: Any) -> Any:
    """Return the hour 0 to 23, the weekday 0 (Monday) to 6, or the month 0 to 11, of local times."""
    if of == "hour":
        return local_us // (3600 * _SECOND) % 24
    days = local_us // _DAY
    # 1970 began on a Thursday.
    return (days + 3) % 7 if of == "weekday" else _month(days)


def _month(days: Any) -> Any:
    """Return the month, 0 to 11, of days since 1970: counted from March on, so that a leap day is a year's last."""
    of_era = (days + 719_468) % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    return ((5 * of_year + 2) // 153 + 2) % 12


def times(column: Sequence[int | None] | npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return times in microseconds as an array, with ``MISSING`` for None."""
    if isinstance(column, np.ndarray) and column.dtype == np.int64:
        return column
    return np.array([MISSING if x is None else x for x in column], dtype=np.int64)
