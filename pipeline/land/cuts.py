"""Where the parsed records of a lane have to be divided, so that what lies before belongs to one part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from contract.batch import CutReason
from pipeline.land.open_part import PART_ROWS, OpenPart
from pipeline.land.owned_lane import OwnedLane
from pipeline.land.parsed_records import ParsedRecords
from pipeline.land.windows import Windows


@dataclass(frozen=True)
class CutPoint:
    """Where parsed records have to be divided: everything before ``offset`` belongs to the part that ends there."""

    offset: int
    reason: CutReason


def first_cut(
    records: ParsedRecords,
    part: OpenPart,
    windows: Windows | None,
    room_rows: int | None,
    room_bytes: int | None,
    *,
    first_window: int | None = None,
) -> CutPoint | None:
    """Return the first cut inside ``records``, or None if all of it fits into the open ``part``.

    room_rows, room_bytes: what the batch still takes, over all lanes; None without such a rule.
    first_window: the earliest window that can still be of a batch; None: any.
    """
    points = [*_amount_cuts(records, room_rows, room_bytes)]
    if windows is not None and (point := _window_cut(records, part, windows, first_window)) is not None:
        points.append(point)
    if part.rows + records.rows.num_rows >= PART_ROWS or part.full:
        points.append(CutPoint(records.next_offset, "part_size"))
    return min(points, key=lambda point: point.offset, default=None)


def _amount_cuts(records: ParsedRecords, room_rows: int | None, room_bytes: int | None) -> Iterable[CutPoint]:
    if room_rows is not None and records.rows.num_rows >= room_rows:
        yield CutPoint(int(records.offsets[room_rows - 1]) + 1, "rows")
    if room_bytes is not None and int(records.value_bytes.sum()) >= room_bytes:
        row = int(np.searchsorted(np.cumsum(records.value_bytes), room_bytes))
        yield CutPoint(int(records.offsets[row]) + 1, "bytes")


def opened_window(window: int, first_window: int | None) -> int:
    """Return the window of a part that begins while the lane's clock is in ``window``; it is of no sealed one."""
    return window if first_window is None else max(window, first_window)


def _window_cut(records: ParsedRecords, part: OpenPart, windows: Windows, first_window: int | None) -> CutPoint | None:
    """A part ends before the row at which the lane's clock comes to a later window; late and early rows stay."""
    numbers = windows.numbers(records.clock_ms)
    if not len(numbers):
        return None
    current = part.window if part.window is not None else opened_window(int(numbers[0]), first_window)
    later = np.nonzero(numbers > current)[0]
    return CutPoint(int(records.offsets[later[0]]), "window") if len(later) else None


def add_to_open(lane: OwnedLane, records: ParsedRecords, windows: Windows | None, first_window: int | None) -> None:
    """Add ``records``, which hold no cut, to the lane's open part."""
    if windows is not None and len(records.timestamps_ms):
        if lane.open.window is None:
            lane.open.window = opened_window(windows.number(int(records.clock_ms[0])), first_window)
        lane.open.late_rows += int((windows.numbers(records.timestamps_ms) < lane.open.window).sum())
    lane.open.add(records)
