"""The lanes that this process owns, and the record-time windows into which it puts their rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from contract.stream_sections import Cut
from pipeline.land.batches import Batches
from pipeline.land.cuts import CutPoint, add_to_open, first_cut, opened_window
from pipeline.land.lane_clock import put_into_time
from pipeline.land.member_share import rooms
from pipeline.land.owned_lane import OwnedLane, outlived, waits_without_rows
from pipeline.land.parsed_records import ParsedRecords
from pipeline.land.unsealed_parts import UnsealedParts
from pipeline.land.windows import Windows, shared_windows
from pipeline.object_store import ObjectStore


class OwnedLanes:
    """One's own lanes: where the next part is cut, and what their rows and clocks say of time.

    ``partitions`` are those of the topic, whoever owns them: of these, one's own are a share.
    """

    def __init__(
        self, cut: Cut, store: ObjectStore, stream: str, *, partitions: int, batches: Batches, unsealed: UnsealedParts
    ) -> None:
        self._cut = cut
        self._store = store
        self._stream = stream
        self.partitions = partitions
        self._batches = batches
        self._unsealed = unsealed
        self._windows: Windows | None = None
        self._lanes: dict[int, OwnedLane] = {}

    def __contains__(self, lane: object) -> bool:
        """Whether the lane of this number is one's own."""
        return lane in self._lanes

    def __getitem__(self, lane: int) -> OwnedLane:
        """Return the lane of this number."""
        return self._lanes[lane]

    def get(self, lane: int, epoch: int) -> OwnedLane | None:
        """Return the lane of this number, None where it is not, or no longer, owned in ``epoch``."""
        found = self._lanes.get(lane)
        return found if found is not None and found.epoch == epoch else None

    def take(self, lane: OwnedLane) -> None:
        """Own ``lane`` from now on."""
        self._lanes[lane.lane] = lane

    def drop(self, lane: int) -> None:
        """Own the lane of this number no longer."""
        self._lanes.pop(lane, None)

    @property
    def numbers(self) -> list[int]:
        """Their numbers."""
        return list(self._lanes)

    @property
    def all(self) -> list[OwnedLane]:
        """All of them, as of now; other threads ask."""
        return list(self._lanes.values())

    @property
    def at_end(self) -> bool:
        """Whether none of them has a record left in the topic."""
        return all(lane.at_end for lane in self._lanes.values())

    @property
    def open_rows(self) -> int:
        """Rows that have not landed."""
        return sum(lane.open_rows for lane in self.all)

    @property
    def open_since(self) -> float | None:
        """Monotonic seconds at which the oldest of them came."""
        return min((at for lane in self.all if (at := lane.opened_at) is not None), default=None)

    def landed_to(self) -> dict[int, int]:
        """Return where each lane's chain ends."""
        return {lane.lane: lane.open.first_offset for lane in self.all}

    def first_since(self) -> float | None:
        """Return the monotonic seconds at which the first record came that has to be landed, or is in no batch yet."""
        ages = (lane.since(self._unsealed.of(lane.lane)) for lane in self._lanes.values())
        return min((at for at in ages if at is not None), default=None)

    # ------------------------------------------------------------------ where parts are cut

    def first_cut(self, lane: OwnedLane, coming: ParsedRecords) -> CutPoint | None:
        """Return the first cut inside ``coming``, None if all of it fits into the lane's open part."""
        room = self._room(lane, coming)
        return first_cut(coming, lane.open, self._windows, *room, first_window=self.first_window)

    def add(self, lane: OwnedLane, coming: ParsedRecords) -> None:
        """Add ``coming``, which hold no cut, to the lane's open part."""
        add_to_open(lane, coming, self._windows, self.first_window)

    def _room(self, lane: OwnedLane, coming: ParsedRecords) -> tuple[int | None, int | None]:
        """Return the rows and the bytes that this member still takes before it cuts, at least 1."""
        window = lane.open.window
        if window is None and self._windows is not None and len(coming.timestamps_ms):
            window = opened_window(self._windows.number(int(coming.clock_ms[0])), self.first_window)
        return rooms(
            self._cut,
            owned=len(self._lanes),
            lanes=max(self.partitions, len(self._lanes)),
            # Windows are batches of their own, each with the rows and bytes of one.
            landed=[
                *((part.rows, part.value_bytes) for part in self._unsealed.all() if part.window == window),
                *((again.rows, again.value_bytes) for again in self._batches.again),
            ],
            open_=((own.open.rows, own.open.value_bytes) for own in self._lanes.values()),
        )

    # ------------------------------------------------------------------ record time

    def put_into_time(self, lane: OwnedLane, records: ParsedRecords, *, last: bool = False) -> ParsedRecords | None:
        """Return what can be put into a window, with the lane's clock behind each row; hold what follows.

        last: nothing that could tell better is waited for
        """
        if self._cut.window is None:
            return records
        coming = records if lane.held is None else lane.held.then(records)
        max_ahead_ms = round(self._cut.max_ahead * 1000)
        clock_ms, known = put_into_time(lane.open.clock, coming.timestamps_ms, max_ahead_ms, last=last)
        coming = replace(coming, clock_ms=clock_ms)
        now, held = coming.split_before(known)
        lane.hold(held)
        if self._windows is None and now is not None and len(now.clock_ms):
            first = int(now.clock_ms[0])
            self._windows = shared_windows(
                self._store, self._stream, self._cut.window, first, aligned=self._cut.aligned
            )
        return now

    def outlived(self, now: float) -> Sequence[OwnedLane]:
        """Return the lanes whose open window is over by the wall clock, which stands at ``now``."""
        length_s = self._cut.window
        if length_s is None:
            return ()
        return [lane for lane in self._lanes.values() if outlived(lane, self._windows, length_s, now)]

    def waiting_without_rows(self, now: float) -> Sequence[OwnedLane]:
        """Return the lanes that rest behind rejects or gaps only, for whose parts windows wait."""
        length_s = self._cut.window
        if length_s is None:
            return ()
        return [lane for lane in self._lanes.values() if waits_without_rows(lane, length_s, now)]

    def window_end_ms(self, window: int) -> int | None:
        """Return the first ms behind ``window``, None before this member has put a row into any."""
        return None if self._windows is None else self._windows.end_ms(window)

    def past(self, window: int) -> bool:
        """Whether every lane is past record-time window ``window``."""
        return all(self._is_past(lane, window) for lane in self._lanes.values())

    def _is_past(self, lane: OwnedLane, window: int) -> bool:
        if lane.open.window is not None and lane.open.window <= window:
            return False
        if lane.open.rows:
            return True
        # What is in hand or held may come to be of the window in which the lane's clock stands, but of none before.
        return lane.at_end if lane.held is None and not lane.in_hand else self._clock_window(lane) > window

    def _clock_window(self, lane: OwnedLane) -> float:
        if self._windows is None or lane.open.clock.time_ms is None:
            return -math.inf
        return opened_window(self._windows.number(lane.open.clock.time_ms), self.first_window)

    @property
    def first_window(self) -> int | None:
        """The earliest window that the next batch can be of; None: any, or the cut has no windows."""
        return None if self._cut.window is None else self._batches.first_window
