"""Where batches are cut: by rows, bytes and windows, across lanes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from contract.batch import CutReason, Part
from contract.stream import Cut
from pipeline.land.chain import Chain
from pipeline.land.complete_batch import complete_batch, time_cut
from pipeline.land.cuts import CutPoint, add_to_open, first_cut
from pipeline.land.lane_clock import LaneClock
from pipeline.land.member_share import room, share
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


def _part(rows: int, *, cut: CutReason = "rows", window: int | None = None, ts: int = 0, sequence: int = 0) -> Part:
    return Part(
        key=f"{sequence}", etag="", bytes=1, sequence=sequence, first_offset=0, next_offset=rows, rows=rows,
        value_bytes=rows * 10, gap_records=0, rejects=None, min_timestamp_ms=ts, max_timestamp_ms=ts, window=window,
        late_rows=0, cut=cut, topic_id="", writer="",
    )  # fmt: skip


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


class Lanes:
    """Lanes that are all past ``windows``."""

    def __init__(self, *windows: int) -> None:
        self.windows = windows

    def past(self, window: int) -> bool:
        return window in self.windows


def _choose(
    cut: Cut, landed: dict[int, list[Part]], *, over: bool = False, time_up: CutReason | None = None
) -> tuple[CutReason, int | None, dict[int, list[str]]] | None:
    found = complete_batch(cut, landed, (), Lanes(1) if over else Lanes(), time_up=time_up, first_window=None)
    if found is None:
        return None
    return found.cut, found.window, {lane: [part.key for part in parts] for lane, parts in found.parts.items() if parts}


def test_a_batch_is_due_when_the_lanes_together_hold_its_rows() -> None:
    cut = Cut(rows=10)
    assert _choose(cut, {0: [_part(4)], 1: [_part(5)]}) is None
    assert _choose(cut, {0: [_part(4)], 1: [_part(6)]}) == ("rows", None, {0: ["0"], 1: ["0"]})


def test_a_batch_takes_the_oldest_parts_and_no_more_than_it_needs() -> None:
    landed = {0: [_part(6, ts=5), _part(6, ts=9, sequence=1)], 1: [_part(6, ts=7)]}
    assert _choose(Cut(rows=10), landed) == ("rows", None, {0: ["0"], 1: ["0"]})


def test_a_window_waits_for_every_lane() -> None:
    landed = {0: [_part(4, cut="window", window=1)], 1: [_part(5, cut="window", window=2)]}
    cut = Cut.model_validate({"window": "5m"})
    assert _choose(cut, landed) is None
    assert _choose(cut, landed, over=True) == ("window", 1, {0: ["0"]})


def test_what_is_late_for_its_windows_batch_goes_with_the_next() -> None:
    landed = {0: [_part(4, cut="window", window=0)], 1: [_part(5, cut="window", window=1)]}
    found = complete_batch(Cut.model_validate({"window": "5m"}), landed, (), Lanes(1), time_up=None, first_window=1)
    assert found is not None and (found.cut, found.window) == ("window", 1)
    assert sum(part.rows for parts in found.parts.values() for part in parts) == 9


def test_a_part_behind_a_sealed_window_begins_with_late_rows() -> None:
    windows = Windows(origin_ms=100, length_ms=10)
    lane = OwnedLane(0, 1, Chain(MemoryStore(), "s", 0), _open())
    late = _records([100, 115])
    assert first_cut(late, lane.open, windows, None, None, first_window=1) is None
    add_to_open(lane, late, windows, 1)
    assert (lane.open.window, lane.open.late_rows) == (1, 1)


@pytest.mark.parametrize("reason", ["idle", "max_age"])
def test_time_cuts_a_batch_of_whatever_there_is(reason: CutReason) -> None:
    landed = {0: [_part(4, cut=reason)], 1: []}
    assert _choose(Cut(rows=100), landed) is None
    assert _choose(Cut(rows=100), landed, time_up=time_cut(landed)) == (reason, None, {0: ["0"]})


def test_parts_without_rows_make_no_batch() -> None:
    assert _choose(Cut(rows=1), {0: [_part(0, cut="idle")]}, time_up="idle") is None


def test_a_replayed_window_gets_its_length_by_the_wall_clock_and_a_live_one_its_own_end() -> None:
    windows = Windows(origin_ms=1_000_000, length_ms=60_000)
    assert windows.wait_s(0, received_at_ms=1_010_000) == 50
    assert windows.wait_s(0, received_at_ms=9_000_000) == 60


def test_a_member_cuts_at_its_share_of_the_batch() -> None:
    assert [share(100, owned, 3) for owned in (0, 1, 2, 3)] == [0, 34, 67, 100]
    assert room(100, owned=1, lanes=3, landed=0, open_=10) == 24
    # What the others have landed leaves less than the share: the batch is cut exactly.
    assert room(100, owned=1, lanes=3, landed=80, open_=10) == 10
    assert room(100, owned=3, lanes=3, landed=0, open_=10) == 90


def test_a_full_batch_that_waits_to_be_sealed_makes_no_small_parts() -> None:
    assert room(100, owned=1, lanes=2, landed=130, open_=0) == 50
    assert room(100, owned=1, lanes=2, landed=130, open_=70) == 1
