"""The lanes that this process owns, and where the next batch is cut across them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from contract.batch import CutReason, Part
from pipeline.land.chain import Chain
from pipeline.land.open_part import OpenPart
from pipeline.land.stretch import Stretch
from pipeline.land.windows import Windows

# A part is encoded in memory before its one PUT; beyond this it is landed, whatever the cut says.
PART_BYTES = 64 * 2**20
PART_ROWS = 4_000_000
# A row that is ahead waits for those behind it to decide; so many offsets, or a part's bytes, without one, and it is
# taken as ahead.
HELD_OFFSETS = 10_000
# An open part without a row that does not grow for so long is landed, so that no window waits for its lane.
REST_S = 1.0


@dataclass
class OwnedLane:
    """One lane, while this process owns it."""

    lane: int
    epoch: int
    chain: Chain
    open: OpenPart
    held: Stretch | None = None
    """What follows the open part from a row on that is ahead of the lane's clock: those behind it will decide."""
    held_at: float | None = None
    """Monotonic seconds at which it came."""
    at_end: bool = False
    """Whether the record before ``next_offset`` was the topic's last."""
    landed_since: float | None = None
    """Monotonic seconds at which the first row came that has landed and is in no batch yet."""

    @property
    def next_offset(self) -> int:
        """The offset behind all that was taken."""
        return self.open.next_offset if self.held is None else self.held.next_offset

    @property
    def holds_too_much(self) -> bool:
        """Whether what is held has so many offsets or bytes that nothing more is waited for."""
        held = self.held
        return held is not None and (
            held.next_offset - held.first_offset > HELD_OFFSETS or held.size_bytes > PART_BYTES
        )

    @property
    def opened_at(self) -> float | None:
        """Monotonic seconds at which the first row or reject came that has to be landed."""
        return self.held_at if self.open.opened_at is None else self.open.opened_at

    @property
    def open_rows(self) -> int:
        """Rows that have not landed; other threads ask."""
        held = self.held
        return self.open.rows + (0 if held is None else held.rows.num_rows)

    def since(self, unsealed: Sequence[Part]) -> float | None:
        """Return the monotonic seconds at which the first record came that has to be landed, or is in ``unsealed``."""
        if not any(part.rows for part in unsealed):
            self.landed_since = None
        return self.opened_at if self.landed_since is None else self.landed_since

    def hold(self, stretch: Stretch | None) -> None:
        """Hold ``stretch`` instead of what was held, which may be its beginning."""
        if stretch is None:
            self.held_at = None
        elif self.held is None or self.held.first_offset != stretch.first_offset:
            self.held_at = time.monotonic()
        self.held = stretch

    def go_on(self, part: OpenPart) -> None:
        """Go on with an empty ``part``; everything in flight was fetched for another place, and is void."""
        self.open = part
        self.hold(None)
        self.epoch += 1
        self.at_end = False


@dataclass(frozen=True)
class CutPoint:
    """Where a stretch has to be divided: everything before ``offset`` belongs to the part that ends there."""

    offset: int
    reason: CutReason


def first_cut(
    stretch: Stretch,
    part: OpenPart,
    windows: Windows | None,
    room_rows: int | None,
    room_bytes: int | None,
    *,
    first_window: int | None = None,
) -> CutPoint | None:
    """Return the first cut inside ``stretch``, or None if all of it fits into the open ``part``.

    room_rows, room_bytes: what the batch still takes, over all lanes; None without such a rule.
    first_window: the earliest window that can still be of a batch; None: any.
    """
    points = [*_amount_cuts(stretch, room_rows, room_bytes)]
    if windows is not None and (point := _window_cut(stretch, part, windows, first_window)) is not None:
        points.append(point)
    if part.rows + stretch.rows.num_rows >= PART_ROWS or part.encoded_bytes >= PART_BYTES:
        points.append(CutPoint(stretch.next_offset, "part_size"))
    return min(points, key=lambda point: point.offset, default=None)


def _amount_cuts(stretch: Stretch, room_rows: int | None, room_bytes: int | None) -> Iterable[CutPoint]:
    if room_rows is not None and stretch.rows.num_rows >= room_rows:
        yield CutPoint(int(stretch.offsets[room_rows - 1]) + 1, "rows")
    if room_bytes is not None and int(stretch.value_bytes.sum()) >= room_bytes:
        row = int(np.searchsorted(np.cumsum(stretch.value_bytes), room_bytes))
        yield CutPoint(int(stretch.offsets[row]) + 1, "bytes")


def opened_window(window: int, first_window: int | None) -> int:
    """Return the window of a part that begins while the lane's clock is in ``window``; it is of no sealed one."""
    return window if first_window is None else max(window, first_window)


def _window_cut(stretch: Stretch, part: OpenPart, windows: Windows, first_window: int | None) -> CutPoint | None:
    """A part ends before the row at which the lane's clock comes to a later window; late and early rows stay."""
    numbers = windows.numbers(stretch.clock_ms)
    if not len(numbers):
        return None
    current = part.window if part.window is not None else opened_window(int(numbers[0]), first_window)
    later = np.nonzero(numbers > current)[0]
    return CutPoint(int(stretch.offsets[later[0]]), "window") if len(later) else None


def add_to_open(lane: OwnedLane, stretch: Stretch, windows: Windows | None, first_window: int | None) -> None:
    """Add ``stretch``, which holds no cut, to the lane's open part."""
    if windows is not None and len(stretch.timestamps_ms):
        if lane.open.window is None:
            lane.open.window = opened_window(windows.number(int(stretch.clock_ms[0])), first_window)
        lane.open.late_rows += int((windows.numbers(stretch.timestamps_ms) < lane.open.window).sum())
    lane.open.add(stretch)


def next_open(lane: OwnedLane, landed: Part, schema: pa.Schema) -> None:
    """Begin the part that follows ``landed``."""
    if lane.landed_since is None and landed.rows:
        lane.landed_since = lane.open.opened_at
    lane.open = OpenPart(lane.lane, landed.sequence + 1, landed.next_offset, schema, lane.open.clock)


def outlived(lane: OwnedLane, windows: Windows | None, length_s: float, now: float) -> bool:
    """Whether the lane's open window is over by the wall clock and no record is waiting to be read.

    A row that is held before any window is open waits as long as a window is.
    """
    part = lane.open
    if not lane.at_end:
        return False
    if windows is None or part.window is None or part.opened_at is None:
        return lane.held_at is not None and now - lane.held_at >= length_s
    received_at_ms = int((time.time() - (now - part.opened_at)) * 1000)
    return now - part.opened_at >= windows.wait_s(part.window, received_at_ms)


def waits_without_rows(lane: OwnedLane, length_s: float, now: float) -> bool:
    """Whether the lane rests behind rejects or gaps only: once they have landed, other members see that it is empty.

    Before its first part they wait for it; it comes after a window's length, though rejects go on coming.
    """
    part = lane.open
    if part.empty or part.rows:
        return False
    first = part.sequence == 0 and now - part.begun_at >= length_s
    return first or (lane.at_end and now - part.grown_at >= REST_S)
