"""Where parts are cut: by rows, bytes and windows; and what a member's windows are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.land.chain import Chain
from pipeline.land.cuts import CutPoint, add_to_open, first_cut
from pipeline.land.lane_clock import LaneClock
from pipeline.land.open_part import OpenPart
from pipeline.land.owned_lane import OwnedLane
from pipeline.land.parsed_records import ParsedRecords
from pipeline.land.windows import Windows
from tests.memory_store import MemoryStore

SCHEMA = pa.schema([("x", pa.int64())])


def _records(timestamps: list[int], first: int = 0, size: int = 10) -> ParsedRecords:
    count = len(timestamps)
    offsets = np.arange(first, first + count)
    rows = pa.table({"x": offsets})
    sizes = np.full(count, size)
    times = np.array(timestamps, dtype=np.int64)
    return ParsedRecords(rows, offsets, times, np.maximum.accumulate(times), sizes, (), (), first, first + count)


def _open() -> OpenPart:
    return OpenPart(0, 0, 0, SCHEMA, LaneClock())


def test_rows_cut_behind_the_last_row_that_has_room() -> None:
    assert first_cut(_records([0] * 5), _open(), None, 3, None) == CutPoint(3, "rows")
    assert first_cut(_records([0] * 5), _open(), None, 5, None) == CutPoint(5, "rows")
    assert first_cut(_records([0] * 5), _open(), None, 6, None) is None


def test_bytes_cut_behind_the_record_that_fills_them() -> None:
    assert first_cut(_records([0] * 5), _open(), None, None, 30) == CutPoint(3, "bytes")
    assert first_cut(_records([0] * 5), _open(), None, None, 31) == CutPoint(4, "bytes")
    assert first_cut(_records([0] * 5), _open(), None, None, 51) is None


def test_whichever_comes_first() -> None:
    assert first_cut(_records([0] * 5), _open(), None, 4, 20) == CutPoint(2, "bytes")


def test_a_window_ends_before_the_first_row_of_a_later_one() -> None:
    windows = Windows(origin_ms=100, length_ms=10)
    assert first_cut(_records([100, 109, 105, 110, 111]), _open(), windows, None, None) == CutPoint(3, "window")


def test_late_rows_never_cut() -> None:
    windows = Windows(origin_ms=100, length_ms=10)
    part = _open()
    part.window = 3
    assert first_cut(_records([100, 135, 90]), part, windows, None, None) is None


def test_a_split_loses_nothing() -> None:
    left, right = _records([1, 2, 3, 4], first=7).split(9)
    assert right is not None
    assert (left.first_offset, left.next_offset, right.first_offset, right.next_offset) == (7, 9, 9, 11)
    assert left.rows.column("x").to_pylist() + right.rows.column("x").to_pylist() == [7, 8, 9, 10]


def test_a_part_behind_a_sealed_window_begins_with_late_rows() -> None:
    windows = Windows(origin_ms=100, length_ms=10)
    lane = OwnedLane(0, 1, Chain(MemoryStore(), "s", 0), _open())
    late = _records([100, 115])
    assert first_cut(late, lane.open, windows, None, None, first_window=1) is None
    add_to_open(lane, late, windows, 1)
    assert (lane.open.window, lane.open.late_rows) == (1, 1)


def test_a_replayed_window_gets_its_length_by_the_wall_clock_and_a_live_one_its_own_end() -> None:
    windows = Windows(origin_ms=1_000_000, length_ms=60_000)
    assert windows.wait_s(0, received_at_ms=1_010_000) == 50
    assert windows.wait_s(0, received_at_ms=9_000_000) == 60
