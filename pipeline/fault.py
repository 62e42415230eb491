"""Named points at which a test lets the process die, as `kill -9` would, to see what the next start makes of it."""

from __future__ import annotations

import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()


def fault_point(name: str) -> None:
    """Die here if ``SWATHE_FAULT`` names this point; ``name:3`` dies at the third passage."""
    wanted = os.environ.get("SWATHE_FAULT")
    if not wanted:
        return
    point, _, passage = wanted.partition(":")
    if point == name:
        _passed[name] += 1
        if _passed[name] == int(passage or 1):
            os.kill(os.getpid(), signal.SIGKILL)
