"""How fast rows are sent: as fast as it goes, at a rate, with the random pauses of a live stream."""

from __future__ import annotations

import random
import time

# Sleeping a slice at a time keeps the rate exact where one row would ask for less than the clock can give.
_SLICE_S = 0.01
_JITTER_MEAN_S = 0.01


class Pace:
    """Call :meth:`wait` before each row.

    Parameters
    ----------
    rate: rows a second, None for no limit
    jitter: pauses are random (exponential), their mean is that of ``rate``, or 10 ms without one
    seed: of the pauses
    """

    def __init__(self, rate: float | None, *, jitter: bool, seed: int | None = None) -> None:
        self._gap_s = 1 / rate if rate else (_JITTER_MEAN_S if jitter else 0.0)
        self._jitter = jitter
        self._random = random.Random(seed)  # noqa: S311 - pauses, not secrets
        self._due = time.monotonic()

    def wait(self) -> float:
        """Sleep until the next row is due; return the seconds slept."""
        if not self._gap_s:
            return 0.0
        self._due += self._random.expovariate(1 / self._gap_s) if self._jitter else self._gap_s
        ahead = self._due - time.monotonic()
        if ahead < _SLICE_S:
            # Behind by more than a second (the broker stalled): do not catch up in a burst.
            self._due = max(self._due, time.monotonic() - 1.0)
            return 0.0
        time.sleep(ahead)
        return ahead


class EventPace:
    """Paces rows by their own times: ``speed`` seconds of the stream pass in one second of the clock.

    A row that is older than one before it is sent at once; nothing is waited for twice.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first_ms: int | None = None
        self._began = 0.0

    def due_in(self, event_ms: int | None, now: float) -> float:
        """Return the seconds until the row is due; without a time of its own it is due at once."""
        if event_ms is None:
            return 0.0
        if self._first_ms is None:
            self._first_ms, self._began = event_ms, now
        return max(self._began + (event_ms - self._first_ms) / 1000 / self._speed - now, 0.0)
