"""Python's collector of cycles, while landing: it runs once a second at most, where parts have landed.

It begins after every 700 new objects otherwise, and records come as ten thousand at a time that no cycle holds: it
would walk through all that wait to be landed, again and again, with the interpreter's lock in its hand.
"""

from __future__ import annotations

import gc
import time
from types import TracebackType

# New objects at which it begins by itself, should no part land: more than ever wait, some 50 MB of small ones.
OWN_START = 300_000
APART_S = 1.0


class RareCollections:
    """A context in which cycles are collected where :meth:`collect` is called."""

    def __init__(self) -> None:
        self._before = gc.get_threshold()
        self._next_at = 0.0

    def __enter__(self) -> RareCollections:
        """Set aside what is there: modules and settings stay for as long as the process does."""
        gc.freeze()
        gc.set_threshold(OWN_START, *self._before[1:])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let it begin by itself as before."""
        gc.set_threshold(*self._before)
        gc.unfreeze()

    def collect(self) -> None:
        """Collect cycles, unless that was done a moment ago: one of a request that failed may hold a part's bytes."""
        if time.monotonic() >= self._next_at:
            gc.collect()
            self._next_at = time.monotonic() + APART_S
