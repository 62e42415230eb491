"""Fills parts, cuts them, lands them and seals batches. Lives in one thread, so it needs no lock.

What happens when the process dies in between: the open parts are lost and read again from the topic, because
each lane goes on where its landed chain ends; parts without a manifest are sealed by the next owner.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field

from contract.batch import CutReason, Manifest, Part
from contract.stream import Cut, Stream
from pipeline.columns import part_schema
from pipeline.land.batches import Batches, rows_of
from pipeline.land.chain import Chain, OutrunError, Writer
from pipeline.land.lanes import OwnedLane, add_to_open, first_cut, next_open
from pipeline.land.open_part import OpenPart
from pipeline.land.start import ChainStart
from pipeline.land.stretch import Fetched, Stretch, empty_stretch, to_stretch
from pipeline.land.tolerance import RejectTolerance
from pipeline.land.windows import Windows, shared_windows
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moved:
    """A lane's chain now ends at ``next_offset``.

    ``seek_epoch``, if given, is the lane's new epoch: what was fetched in an earlier one is void.
    """

    lane: int
    next_offset: int
    seek_epoch: int | None = None


@dataclass
class Landed:
    """What this process did, for the progress line and the summary."""

    rows: int = 0
    rejected: int = 0
    ignored_keys: int = 0
    late_rows: int = 0
    adopted: int = 0
    parts: Counter[CutReason] = field(default_factory=Counter)
    batches: list[Manifest] = field(default_factory=list)


class Lander:
    """Lands the lanes that this process owns.

    Parameters
    ----------
    partitions: number of partitions of the topic; all lanes, whoever owns them
    """

    def __init__(
        self, stream: Stream, cut: Cut, *, store: ObjectStore, writer: Writer, start: ChainStart, partitions: int
    ) -> None:
        self._stream = stream
        self._cut = cut
        self._store = store
        self._writer = writer
        self._start = start
        self._partitions = partitions
        self._schema = part_schema(stream)
        self._tolerance = RejectTolerance(stream)
        self._batches = Batches(store, stream.name, stream.topic, writer)
        self._windows: Windows | None = None
        self._lanes: dict[int, OwnedLane] = {}
        self._last_record: float | None = None
        """None until the group has said which lanes are ours."""
        self.landed = Landed()
        self.moved: list[Moved] = []

    # ------------------------------------------------------------------ lanes come and go

    def own(self, lane: int, epoch: int) -> int:
        """Take ``lane`` over where its chain ends; return the offset to go on from."""
        self._batches.refresh()
        chain = Chain(self._store, self._stream.name, lane)
        unsealed = self._unsealed(lane, chain)
        before = self._batches.ends().get(lane)
        sequence = unsealed[-1].sequence + 1 if unsealed else (before.next_sequence if before else 0)
        offset = unsealed[-1].next_offset if unsealed else self._first_offset(lane)
        part = OpenPart(lane, sequence, offset, self._schema)
        self._lanes[lane] = OwnedLane(lane, epoch, chain, part, unsealed=unsealed)
        logger.info("lane taken; lane=%d sequence=%d offset=%d unsealed=%d", lane, sequence, offset, len(unsealed))
        return offset

    def begin(self) -> None:
        """Begin with the lanes that are owned now: seal what an earlier owner landed and could not seal."""
        self._last_record = time.monotonic()
        self.seal_left_over()

    def seal_left_over(self) -> None:
        """Seal every batch that the landed parts make."""
        while self._seal():
            pass

    def disown(self, lane: int) -> None:
        """Let ``lane`` go; its open part is dropped, and read again by the next owner."""
        self._lanes.pop(lane, None)

    # ------------------------------------------------------------------ records come

    def take(self, fetched: Fetched) -> None:
        """Add records to their lane's open part, landing and sealing whatever they complete."""
        lane = self._lanes.get(fetched.lane)
        if lane is None or lane.epoch != fetched.epoch:
            return
        self._last_record = time.monotonic()
        lane.at_end = False
        stretch = to_stretch(fetched, lane.open.next_offset)
        self._tolerance.count(stretch)
        self._add(lane, stretch)

    def reach_end(self, lane_number: int, epoch: int, offset: int) -> None:
        """Note that ``offset`` is the end of the lane; what lies between it and the last record is a gap."""
        lane = self._lanes.get(lane_number)
        if lane is None or lane.epoch != epoch:
            return
        if offset > lane.open.next_offset:
            lane.open.add(empty_stretch(self._schema, lane.open.next_offset, offset))
        lane.at_end = offset >= lane.open.next_offset

    def _add(self, lane: OwnedLane, stretch: Stretch) -> None:
        if self._cut.window is not None and self._windows is None and len(stretch.timestamps_ms):
            first = int(stretch.timestamps_ms[0])
            self._windows = shared_windows(self._store, self._stream.name, self._cut.window, first)
        left: Stretch | None = stretch
        while left is not None:
            point = first_cut(left, lane.open, self._windows, *self._room())
            if point is None:
                add_to_open(lane, left, self._windows)
                return
            here, left = left.split(point.offset)
            add_to_open(lane, here, self._windows)
            owned = [lane] if point.reason in {"window", "part_size"} else list(self._lanes.values())
            if not self._land(owned, point.reason):
                return
            self._seal()

    # ------------------------------------------------------------------ time passes

    def tick(self) -> None:
        """Land what its age, a pause or the end of its window completes."""
        now = time.monotonic()
        opened = [lane.open.opened_at for lane in self._lanes.values() if lane.open.opened_at is not None]
        if self._cut.max_age is not None and opened and now - min(opened) >= self._cut.max_age:
            self._land(list(self._lanes.values()), "max_age")
        elif self._cut.idle is not None and opened and self.idle_for() >= self._cut.idle:
            self._land(list(self._lanes.values()), "idle")
        elif self._windows is not None:
            self._land([lane for lane in self._lanes.values() if self._outlived(lane, self._windows, now)], "window")
        self._seal()

    def idle_for(self) -> float:
        """Return the seconds since the last record; 0 while a lane has records left, or none was given out yet."""
        if self._last_record is None or not all(lane.at_end for lane in self._lanes.values()):
            return 0.0
        return time.monotonic() - self._last_record

    def land_tail(self) -> None:
        """Land all that is open and seal it, as the last batch of a topic that has come to its end."""
        self._land(list(self._lanes.values()), "idle")
        self.seal_left_over()

    @property
    def open_rows(self) -> int:
        """Rows in open parts."""
        return sum(lane.open.rows for lane in self._lanes.values())

    # ------------------------------------------------------------------ parts and batches

    def _land(self, lanes: list[OwnedLane], reason: CutReason) -> bool:
        """Land the open parts of ``lanes``; return False if another writer had landed one of them."""
        kept = True
        for lane in lanes:
            if lane.open.empty:
                continue
            try:
                part = lane.chain.commit(lane.open, reason, self._writer)
            except OutrunError as error:
                logger.warning("another writer was faster, going on behind it; %s", error)
                self.landed.adopted += 1
                self._follow(lane, error.winner)
                kept = False
                continue
            self._count(lane.open, part)
            next_open(lane, part, self._schema)
            self.moved.append(Moved(lane.lane, part.next_offset))
        return kept

    def _follow(self, lane: OwnedLane, winner: Part) -> None:
        later = lane.chain.parts_from(winner.sequence)
        lane.unsealed.extend(later)
        lane.open = OpenPart(lane.lane, later[-1].sequence + 1, later[-1].next_offset, self._schema)
        # Everything in flight was fetched for the old end; the consumer seeks and counts the epoch up.
        lane.epoch += 1
        lane.at_end = False
        self.moved.append(Moved(lane.lane, lane.open.next_offset, lane.epoch))

    def _seal(self) -> bool:
        """Seal the next batch if the landed parts of all lanes make one."""
        landed = {number: lane.unsealed for number, lane in self._lanes.items()}
        if not any(landed.values()):
            return False
        for number in range(self._partitions):
            if number not in self._lanes:
                landed[number] = self._unsealed(number, Chain(self._store, self._stream.name, number))
        manifest = self._batches.seal_due(self._cut, landed, self._window_over)
        if manifest is None:
            return False
        self.landed.batches.append(manifest)
        ends = self._batches.ends()
        for number, lane in self._lanes.items():
            if number in ends:
                lane.unsealed = [part for part in lane.unsealed if part.sequence >= ends[number].next_sequence]
        return True

    def _unsealed(self, lane: int, chain: Chain) -> list[Part]:
        end = self._batches.ends().get(lane)
        parts = chain.parts_from(end.next_sequence if end else 0)
        for part in parts:
            if part.topic_id != self._writer.topic_id:
                begin = f"topic id {part.topic_id}, not {self._writer.topic_id}"
                raise AssertionError(f"{part.key} was landed from {begin}, and the chain start says otherwise")
        return parts

    def _first_offset(self, lane: int) -> int:
        end = self._batches.ends().get(lane)
        return end.next_offset if end else self._start.offset(lane)

    def _window_over(self, window: int) -> bool:
        for lane in self._lanes.values():
            if lane.open.window is not None and lane.open.window <= window:
                return False
            if lane.open.rows == 0 and not lane.at_end:
                return False
        return True

    def _outlived(self, lane: OwnedLane, windows: Windows, now: float) -> bool:
        """Whether the lane's open window is over by the clock and no record is waiting to be read."""
        part = lane.open
        if part.window is None or part.opened_at is None or not lane.at_end:
            return False
        received_at_ms = int((time.time() - (now - part.opened_at)) * 1000)
        return now - part.opened_at >= windows.wait_s(part.window, received_at_ms)

    def _room(self) -> tuple[int | None, int | None]:
        """Return the rows and the bytes that the next batch still takes, at least 1."""
        landed = {number: lane.unsealed for number, lane in self._lanes.items()}
        rows = None if self._cut.rows is None else self._cut.rows - rows_of(landed) - self.open_rows
        size = None
        if self._cut.bytes is not None:
            taken = sum(part.value_bytes for parts in landed.values() for part in parts)
            size = self._cut.bytes - taken - sum(lane.open.value_bytes for lane in self._lanes.values())
        return None if rows is None else max(rows, 1), None if size is None else max(size, 1)

    def _count(self, part: OpenPart, landed: Part) -> None:
        self.landed.rows += part.rows
        self.landed.rejected += len(part.rejects)
        self.landed.ignored_keys += part.ignored_keys
        self.landed.late_rows += part.late_rows
        self.landed.parts[landed.cut] += 1
        logger.info(
            "part landed; key=%s rows=%d rejected=%d cut=%s offsets=%d-%d",
            *(landed.key, landed.rows, landed.rejected, landed.cut, landed.first_offset, landed.next_offset),
        )
