"""A lane's clock: the time by which its rows are put into windows, whatever a single record says that the time is.

It is a function of the lane's rows alone, so that whoever reads them, and whenever, cuts at the same offsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.land.origins import Longs

# So many rows in a row that are ahead of the clock are no wrong clock: time has passed without records.
RUN = 3


@dataclass(frozen=True)
class LaneClock:
    """The clock behind some row of a lane, in ms since the epoch.

    time_ms: the latest timestamp that was believed; None before the first row
    ahead_ms: timestamps of the last rows, as long as all of them are too far ahead of ``time_ms``
    """

    time_ms: int | None = None
    ahead_ms: tuple[int, ...] = ()

    def behind(self, timestamps_ms: Longs, clock_ms: Longs) -> LaneClock:
        """Return the clock behind rows of these timestamps, which were put at ``clock_ms``."""
        if not len(timestamps_ms):
            return self
        (believed,) = np.nonzero(timestamps_ms <= clock_ms)
        before = () if len(believed) else self.ahead_ms
        last = timestamps_ms[believed[-1] + 1 :] if len(believed) else timestamps_ms
        time_ms = int(clock_ms[-1]) if self.time_ms is None else max(self.time_ms, int(clock_ms[-1]))
        return LaneClock(time_ms, (*before, *map(int, last))[1 - RUN :])


NO_CLOCK = LaneClock()


def put_into_time(clock: LaneClock, timestamps_ms: Longs, max_ahead_ms: int, *, last: bool) -> tuple[Longs, int]:
    """Return the lane's clock behind each row, and the number of rows for which it is known already.

    A row that is more than ``max_ahead_ms`` ahead of the clock does not move it, unless it is one of ``RUN`` such rows
    that follow each other: then the clock goes on from the earliest of them. Until that is seen, the rows at the end
    are not known; with ``last`` nothing more is waited for, and they are ahead.
    """
    if clock.time_ms is not None:
        reached = np.maximum.accumulate(np.concatenate(([clock.time_ms], timestamps_ms)))
        if (timestamps_ms <= reached[:-1] + max_ahead_ms).all():
            return reached[1:], len(timestamps_ms)
    walk = _Walk(clock, len(timestamps_ms), max_ahead_ms)
    for row, timestamp in enumerate(timestamps_ms.tolist()):
        walk.step(row, timestamp)
    if last:
        walk.end()
    return walk.clock_ms, walk.known


class _Walk:
    """Goes through rows one by one; ``run`` are those (row, timestamp) that are ahead and not decided yet."""

    def __init__(self, clock: LaneClock, rows: int, max_ahead_ms: int) -> None:
        self.clock_ms: Longs = np.zeros(rows, dtype=np.int64)
        self._rows = rows
        self._max_ahead_ms = max_ahead_ms
        self._time_ms = clock.time_ms
        # Rows that were landed as ahead count for the run; where they are is decided.
        self._run = [(-1, timestamp) for timestamp in clock.ahead_ms]

    @property
    def known(self) -> int:
        return next((row for row, _ in self._run if row >= 0), self._rows)

    def step(self, row: int, timestamp: int) -> None:
        self._run.append((row, timestamp))
        if self._time_ms is not None and timestamp <= self._time_ms + self._max_ahead_ms:
            self._decide(self._time_ms)
        elif len(self._run) >= RUN:
            self._decide(min(timestamp for _, timestamp in self._run))

    def end(self) -> None:
        if self._run and self._time_ms is None:
            self._decide(min(timestamp for _, timestamp in self._run))
        self._put(self._run)
        self._run = []

    def _decide(self, time_ms: int) -> None:
        """Go through the run by a clock that stands at ``time_ms``; what is ahead at its end stays undecided."""
        self._time_ms = time_ms
        run, self._run = self._run, []
        for row, timestamp in run:
            if timestamp > self._time_ms + self._max_ahead_ms:
                self._run.append((row, timestamp))
                continue
            self._put(self._run)
            self._time_ms = max(self._time_ms, timestamp)
            self._put([(row, timestamp)])
            self._run = []

    def _put(self, rows: list[tuple[int, int]]) -> None:
        for row, _ in rows:
            if row >= 0 and self._time_ms is not None:
                self.clock_ms[row] = self._time_ms
