"""What several members of a group do together, from how each of them came on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Progress(NamedTuple):
    """How far a process had come at ``moment``, seconds of the clock that all share: records taken, seconds of CPU."""

    moment: float
    records: int
    cpu_s: float


class Together(NamedTuple):
    """Records and seconds of CPU of all members, between two moments in seconds."""

    records: int
    began: float
    ended: float
    cpu_s: float


def together(courses: Sequence[Sequence[Progress]]) -> Together:
    """Return what all did from when the last of them began to take records to when the first had taken its last.

    That lanes are dealt out again before says nothing of how quick members are, so it is left out.

    Raises
    ------
    SystemExit: there was no such time.
    """
    began = max((course[0].moment for course in courses if course), default=0.0)
    ended = min((course[-1].moment for course in courses if course), default=0.0)
    within = [[step for step in course if began <= step.moment <= ended] for course in courses]
    if min(map(len, within)) < 2:
        raise SystemExit("the members did not land at the same time: more --records are needed")
    return Together(
        sum(steps[-1].records - steps[0].records for steps in within),
        began,
        ended,
        sum(steps[-1].cpu_s - steps[0].cpu_s for steps in within),
    )
