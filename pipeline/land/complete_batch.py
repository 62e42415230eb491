"""What makes a batch complete, as a function of the cut and of what has landed and is in no batch yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contract.batch import CutReason, LandedAgain, Part
from contract.stream_sections import Cut

# A part cut by one of these ends a batch by itself: time has passed, whatever the rows add up to.
_TIMED: tuple[CutReason, ...] = ("max_age", "idle")

LandedParts = Mapping[int, Sequence[Part]]
"""Per lane, its parts that are in no batch yet, in order."""


@dataclass(frozen=True)
class CompleteBatch:
    """What the next manifest lists, and by which rule of the cut; ``window`` is None where it is of none."""

    cut: CutReason
    window: int | None
    parts: LandedParts
    again: Sequence[LandedAgain]


class WindowsPast(Protocol):
    """Knows which record-time windows are over."""

    def past(self, window: int) -> bool:
        """Whether no row of ``window`` can land any more, in any lane."""
        ...


def complete_batch(
    cut: Cut,
    landed: LandedParts,
    again: Sequence[LandedAgain],
    lanes: WindowsPast,
    *,
    time_up: CutReason | None,
    first_window: int | None,
) -> CompleteBatch | None:
    """Return the next batch if ``landed`` and the rejects landed ``again`` hold one.

    lanes: asked only where neither rows nor bytes complete it
    time_up: ends the batch whatever the rows add up to
    first_window: the earliest that it can be of; None: any
    """
    landed = {lane: parts for lane, parts in landed.items() if parts}
    if rows_of(landed) == 0 and not again:
        return None
    windows = [part.window for parts in landed.values() for part in parts if part.window is not None]
    if cut.window is not None and windows:
        # A part that came too late for its own window's batch goes with the next.
        first = min(windows) if first_window is None else max(min(windows), first_window)
        within = {lane: held for lane, parts in landed.items() if (held := _through(parts, first))}
        if (amount := _amounts(cut, within, again)) is not None:
            return CompleteBatch(amount, first, *_enough(cut, within, again))
        if lanes.past(first):
            return CompleteBatch("window", first, within, again)
    elif (amount := _amounts(cut, landed, again)) is not None:
        return CompleteBatch(amount, None, *_enough(cut, landed, again))
    return CompleteBatch(time_up, None, landed, again) if time_up else None


def time_cut(landed: LandedParts) -> CutReason | None:
    """Return why time ended the batch, if one of its parts was cut by time."""
    return next((part.cut for parts in landed.values() for part in parts if part.rows and part.cut in _TIMED), None)


def rows_of(landed: LandedParts) -> int:
    """Return the rows of all parts that are in no batch yet."""
    return sum(part.rows for parts in landed.values() for part in parts)


def _amounts(cut: Cut, landed: LandedParts, again: Sequence[LandedAgain]) -> CutReason | None:
    holding_rows: list[Part | LandedAgain] = [*(part for parts in landed.values() for part in parts), *again]
    if cut.rows is not None and sum(part.rows for part in holding_rows) >= cut.rows:
        return "rows"
    if cut.bytes is not None and sum(part.value_bytes for part in holding_rows) >= cut.bytes:
        return "bytes"
    return None


def _through(parts: Sequence[Part], window: int) -> tuple[Part, ...]:
    """Return the parts up to the last of ``window``; one that holds rejects only belongs to what precedes it."""
    last = max((i for i, part in enumerate(parts) if part.window is not None and part.window <= window), default=-1)
    return tuple(parts[: last + 1])


def _enough(cut: Cut, landed: LandedParts, again: Sequence[LandedAgain]) -> tuple[LandedParts, Sequence[LandedAgain]]:
    """Return the shortest run that holds the rows or bytes of a batch: what was landed again, then the oldest parts."""
    rows = size = 0
    for count, rejects in enumerate(again, start=1):
        rows += rejects.rows
        size += rejects.value_bytes
        if _is_enough(cut, rows, size):
            return {}, again[:count]
    queues = {lane: list(parts) for lane, parts in landed.items() if parts}
    chosen: dict[int, list[Part]] = {}
    while queues:
        lane = min(queues, key=lambda lane: (queues[lane][0].min_timestamp_ms or 0, lane))
        part = queues[lane].pop(0)
        if not queues[lane]:
            del queues[lane]
        chosen.setdefault(lane, []).append(part)
        rows += part.rows
        size += part.value_bytes
        if _is_enough(cut, rows, size):
            break
    return chosen, again


def _is_enough(cut: Cut, rows: int, size: int) -> bool:
    return (cut.rows is not None and rows >= cut.rows) or (cut.bytes is not None and size >= cut.bytes)
