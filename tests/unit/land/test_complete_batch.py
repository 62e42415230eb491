"""What makes a batch complete: rows, bytes and windows across lanes, and time."""

from __future__ import annotations

import pytest

from contract.batch import CutReason, Part
from contract.stream_sections import Cut
from pipeline.land.complete_batch import complete_batch, time_cut


def _part(rows: int, *, cut: CutReason = "rows", window: int | None = None, ts: int = 0, sequence: int = 0) -> Part:
    return Part(
        key=f"{sequence}", etag="", bytes=1, sequence=sequence, first_offset=0, next_offset=rows, rows=rows,
        value_bytes=rows * 10, gap_records=0, rejects=None, min_timestamp_ms=ts, max_timestamp_ms=ts, window=window,
        late_rows=0, cut=cut, topic_id="", writer="",
    )  # fmt: skip


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


@pytest.mark.parametrize("reason", ["idle", "max_age"])
def test_time_cuts_a_batch_of_whatever_there_is(reason: CutReason) -> None:
    landed = {0: [_part(4, cut=reason)], 1: []}
    assert _choose(Cut(rows=100), landed) is None
    assert _choose(Cut(rows=100), landed, time_up=time_cut(landed)) == (reason, None, {0: ["0"]})


def test_parts_without_rows_make_no_batch() -> None:
    assert _choose(Cut(rows=1), {0: [_part(0, cut="idle")]}, time_up="idle") is None
