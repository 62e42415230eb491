"""The lanes that other members of the consumer group own: whether more of a window is to come from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from contract.batch import Part
from contract.stream_sections import Cut
from pipeline.land.chain import Chain
from pipeline.land.lane_clock import LaneClock
from pipeline.land.unsealed_parts import UnsealedParts
from pipeline.object_store import ObjectStore


class LaneOffsets(Protocol):
    """Offsets of lanes, asked of the broker now; a lane is left out where it does not say."""

    def high_watermarks(self, lanes: Iterable[int]) -> Mapping[int, int]:
        """Return the offset after the last record of each lane."""
        ...

    def first_offsets_since(self, lanes: Iterable[int], timestamp_ms: int) -> Mapping[int, int]:
        """Return the offset of each lane's first record that is not older than ``timestamp_ms``, -1 for none."""
        ...


class ForeignLanes:
    """Other members' lanes, as of the last look at what they have landed."""

    def __init__(
        self, store: ObjectStore, stream: str, cut: Cut, *, unsealed: UnsealedParts, topic: LaneOffsets
    ) -> None:
        self._store = store
        self._stream = stream
        self._max_ahead_ms = round(cut.max_ahead * 1000)
        self._unsealed = unsealed
        self._topic = topic
        self._lanes: Sequence[int] = ()
        self._marks: Mapping[int, int] = {}
        self._clocks: dict[int, tuple[int, LaneClock]] = {}
        """Per lane, where its chain ended when its clock was read, and the clock."""

    def look(self, lanes: Sequence[int]) -> None:
        """Read what the owners of ``lanes`` have landed since the last look; forget all other lanes."""
        self._lanes = lanes
        self._unsealed.look(lanes)

    def records_came(self) -> bool:
        """Whether any of the lanes grew since this was asked last; asks the broker."""
        before, self._marks = self._marks, self._topic.high_watermarks(self._lanes)
        return any(mark != before.get(lane, mark) for lane, mark in self._marks.items())

    def past(self, window: int, end_ms: int | None) -> bool:
        """Whether every lane is past record-time window ``window``, which ends before ``end_ms`` (None: not known).

        Such a lane has landed beyond it, has nothing left to land, or goes on with a record of a later window.
        """
        left = [lane for lane in self._lanes if not _cut_behind(self._unsealed.of(lane), window)]
        if left and end_ms is not None:
            following = self._topic.first_offsets_since(left, end_ms)
            left = [lane for lane in left if not self._goes_on_behind(lane, following.get(lane, -1))]
        # The marks are asked after the look: a record that came in between makes one higher than its chain's end.
        marks = self._topic.high_watermarks(left)
        return all(lane in marks and self._unsealed.end(lane)[1] >= marks[lane] for lane in left)

    def _goes_on_behind(self, lane: int, following: int) -> bool:
        """Whether the lane goes on behind a window; ``following`` is its first record not older than that, -1: none."""
        sequence, offset = self._unsealed.end(lane)
        if self._clocks.get(lane, (-1,))[0] != sequence:
            self._clocks[lane] = sequence, Chain(self._store, self._stream, lane).clock_at(sequence)
        time_ms = self._clocks[lane][1].time_ms
        if time_ms is None:
            # Its first row may be a wrong one, so its owner's first part is waited for; rejects then tell the time.
            return sequence > 0 and self._rejected_from(lane) <= following <= offset
        if following != offset:
            return False
        # A record that is ahead of the lane's clock: the one behind it may be of any window.
        return self._topic.first_offsets_since([lane], time_ms + self._max_ahead_ms + 1).get(lane) != offset

    def _rejected_from(self, lane: int) -> int:
        """Return the offset from which on the lane has landed nothing but rejects."""
        offset = self._unsealed.end(lane)[1]
        for part in reversed(self._unsealed.of(lane)):
            if part.rows:
                break
            offset = part.first_offset
        return offset


def _cut_behind(parts: Sequence[Part], window: int) -> bool:
    """Whether the last part with a window tells that ``window`` is over; one cut by its window ended it."""
    last = next((part for part in reversed(parts) if part.window is not None), None)
    if last is None or last.window is None:
        return False
    return last.window > window or (last.window == window and last.cut == "window")
