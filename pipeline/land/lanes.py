"""The lanes that this process owns, and where the next batch is cut across them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from contract.batch import CutReason, Part
from pipeline.land.chain import Chain
from pipeline.land.open_part import OpenPart
from pipeline.land.origins import Longs
from pipeline.land.stretch import Stretch
from pipeline.land.windows import Windows

# A part is encoded in memory before its one PUT; beyond this it is landed, whatever the cut says.
PART_BYTES = 64 * 2**20
PART_ROWS = 4_000_000
# An open part without a row that does not grow for so long is landed, so that no window waits for its lane.
REST_S = 1.0


@dataclass
class OwnedLane:
    """One lane, while this process owns it."""

    lane: int
    epoch: int
    chain: Chain
    open: OpenPart
    at_end: bool = False
    """Whether the record before ``open.next_offset`` was the topic's last."""
    unsealed: list[Part] = field(default_factory=list)
    unsealed_since: float | None = None
    """Monotonic seconds at which the first row came that has landed and is in no batch yet."""

    @property
    def since(self) -> float | None:
        """Monotonic seconds at which the first record came that has to be landed, or is in no batch yet."""
        return self.open.opened_at if self.unsealed_since is None else self.unsealed_since

    def forget_sealed(self, next_sequence: int) -> None:
        """Drop the parts before ``next_sequence``: a batch holds them."""
        self.unsealed = [part for part in self.unsealed if part.sequence >= next_sequence]
        if not self.unsealed:
            self.unsealed_since = None


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


def opened_window(numbers: Longs, first_window: int | None) -> int:
    """Return the window of a part that begins with a row of window ``numbers[0]``; behind a sealed one it is late."""
    first = int(numbers[0])
    return first if first_window is None else max(first, first_window)


def _window_cut(stretch: Stretch, part: OpenPart, windows: Windows, first_window: int | None) -> CutPoint | None:
    """A part ends before the first row of a later window; rows of an earlier one are late, and stay."""
    numbers = windows.numbers(stretch.timestamps_ms)
    if not len(numbers):
        return None
    current = part.window if part.window is not None else opened_window(numbers, first_window)
    later = np.nonzero(numbers > current)[0]
    return CutPoint(int(stretch.offsets[later[0]]), "window") if len(later) else None


def add_to_open(lane: OwnedLane, stretch: Stretch, windows: Windows | None, first_window: int | None) -> None:
    """Add ``stretch``, which holds no cut, to the lane's open part."""
    if windows is not None and len(stretch.timestamps_ms):
        numbers = windows.numbers(stretch.timestamps_ms)
        if lane.open.window is None:
            lane.open.window = opened_window(numbers, first_window)
        lane.open.late_rows += int((numbers < lane.open.window).sum())
    lane.open.add(stretch)


def next_open(lane: OwnedLane, landed: Part, schema: pa.Schema) -> None:
    """Begin the part that follows ``landed``."""
    lane.unsealed.append(landed)
    if lane.unsealed_since is None and landed.rows:
        lane.unsealed_since = lane.open.opened_at
    lane.open = OpenPart(lane.lane, landed.sequence + 1, landed.next_offset, schema)


def outlived(lane: OwnedLane, windows: Windows, now: float) -> bool:
    """Whether the lane's open window is over by the clock and no record is waiting to be read."""
    part = lane.open
    if part.window is None or part.opened_at is None or not lane.at_end:
        return False
    received_at_ms = int((time.time() - (now - part.opened_at)) * 1000)
    return now - part.opened_at >= windows.wait_s(part.window, received_at_ms)


def rests_without_rows(lane: OwnedLane, now: float) -> bool:
    """Whether the lane rests behind rejects or gaps only: once they have landed, other members see that it is empty."""
    part = lane.open
    return lane.at_end and not part.empty and not part.rows and now - part.grown_at >= REST_S
