"""Fills parts, cuts them, lands them and seals batches. Lives in one thread, so it needs no lock.

What happens when the process dies in between: the open parts are lost and read again from the topic, because
each lane goes on where its landed chain ends; parts without a manifest are sealed by the next owner.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from contract.batch import CutReason, Manifest
from contract.stream import Cut, Stream
from pipeline.columns import part_schema
from pipeline.land.batches import Batches
from pipeline.land.chain import Chain, OutrunError, Writer
from pipeline.land.chain_start import ChainStart
from pipeline.land.cuts import add_to_open, first_cut, opened_window
from pipeline.land.dead_letters import DeadLetters, parts_behind
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.foreign_lanes import ForeignLanes, LaneOffsets
from pipeline.land.landing_counts import LandingCounts
from pipeline.land.lane_clock import LaneClock, put_into_time
from pipeline.land.member_share import rooms
from pipeline.land.open_part import OpenPart
from pipeline.land.owned_lane import ChainEnd, OwnedLane, next_open, outlived, waits_without_rows
from pipeline.land.parsed_records import ParsedRecords, no_records, parsed_records
from pipeline.land.reject_tolerance import RejectTolerance
from pipeline.land.sealing import Sealing
from pipeline.land.unsealed_parts import UnsealedParts
from pipeline.land.windows import Windows, shared_windows
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)


class Lander:
    """Lands the lanes that this process owns.

    Parameters
    ----------
    partitions: number of partitions of the topic; all lanes, whoever owns them
    topic: asks the broker about lanes that other members own
    dead_letters: where rejected records go too, once their part has landed
    """

    def __init__(
        self, stream: Stream, cut: Cut, *, store: ObjectStore, writer: Writer, start: ChainStart, partitions: int,
        topic: LaneOffsets, dead_letters: DeadLetters | None = None,
    ) -> None:  # fmt: skip
        self._stream = stream
        self._cut = cut
        self._store = store
        self._writer = writer
        self._partitions = partitions
        self._schema = part_schema(stream)
        self._dead_letters = dead_letters
        self._tolerance = RejectTolerance(stream)
        self._batches = Batches(store, stream.name, stream.topic, writer)
        self._unsealed = UnsealedParts(store, stream.name, writer=writer, batches=self._batches, start=start)
        self._foreign = ForeignLanes(store, stream.name, cut, unsealed=self._unsealed, topic=topic)
        self._sealing = Sealing(cut, self._batches, self._unsealed, self._foreign)
        self._windows: Windows | None = None
        self._lanes: dict[int, OwnedLane] = {}
        self._last_record: float | None = None
        """None until the group has said which lanes are ours."""
        self.counts = LandingCounts()
        self.chain_ends: deque[ChainEnd] = deque()
        """Where lanes now end, for the consumer's thread to take."""
        self.before_landing: Callable[[], object] = lambda: None
        """Called before parts are landed; raises if they must not be."""
        self.on_batch: Callable[[Manifest], None] = lambda _: None
        """Told each batch that this process has sealed."""

    # ------------------------------------------------------------------ lanes come and go

    def own(self, lane: int, epoch: int) -> int:
        """Take ``lane`` over where its chain ends; return the offset to go on from."""
        chain = Chain(self._store, self._stream.name, lane)
        part = self._part_at_end(chain, lane)
        unsealed = self._unsealed.of(lane)
        self._lanes[lane] = OwnedLane(lane, epoch, chain, part, landed_since=time.monotonic() if unsealed else None)
        logger.info(
            "lane taken; lane=%d sequence=%d offset=%d unsealed=%d",
            *(lane, part.sequence, part.first_offset, len(unsealed)),
        )
        return part.first_offset

    def _part_at_end(self, chain: Chain, lane: int) -> OpenPart:
        """Return an empty part where the lane's chain ends now, and have read what is sealed."""
        self._batches.refresh()
        self._unsealed.read(lane)
        sequence, offset = self._unsealed.end(lane)
        clock = LaneClock() if self._cut.window is None else chain.clock_at(sequence)
        return OpenPart(lane, sequence, offset, self._schema, clock)

    def send_dead_letters_from(self, lane: int, committed: int) -> None:
        """Produce the rejects of ``lane`` beyond the offset ``committed``: its last owner may not have come to it."""
        if self._dead_letters is None:
            return
        for part in parts_behind(self._batches, lane, self._unsealed.of(lane), committed):
            self._dead_letters.send_from(self._store, lane, part)

    def begin(self, partitions: int) -> None:
        """Begin with the lanes owned now, of ``partitions``: seal what an earlier owner landed and did not seal."""
        self._partitions = max(partitions, self._partitions)
        self._last_record = time.monotonic()
        self.seal_left_over()

    def seal_left_over(self) -> None:
        """Seal every batch that the landed parts make."""
        while self._seal(landed_now=True):
            pass

    def disown(self, lane: int) -> None:
        """Let ``lane`` go; its open part is dropped, and read again by the next owner."""
        self._lanes.pop(lane, None)

    # ------------------------------------------------------------------ records come

    def take(self, fetched: FetchedRecords) -> None:
        """Add records to their lane's open part, landing and sealing whatever they complete."""
        lane = self._lanes.get(fetched.lane)
        if lane is None or lane.epoch != fetched.epoch:
            return
        self._last_record = time.monotonic()
        lane.at_end = False
        if not self._continues(lane, fetched.position):
            return
        records = parsed_records(fetched, lane.next_offset)
        self._tolerance.count(lane.lane, records)
        self._add(lane, records)

    def reach_end(self, lane_number: int, epoch: int, position: int, offset: int) -> None:
        """Note that ``offset`` is the end of the lane; between it and ``position`` there is no record."""
        lane = self._lanes.get(lane_number)
        if lane is None or lane.epoch != epoch or not self._continues(lane, position):
            return
        if offset > lane.next_offset:
            self._pass(lane, no_records(self._schema, lane.next_offset, offset))
        lane.at_end = offset >= lane.next_offset

    def _pass(self, lane: OwnedLane, gap: ParsedRecords) -> None:
        if lane.held is None:
            lane.open.add(gap)
        else:
            lane.hold(lane.held.then(gap))

    def _continues(self, lane: OwnedLane, position: int) -> bool:
        """Whether what begins at ``position`` continues the lane's open part; if not, the lane is read again."""
        if position == lane.next_offset:
            return True
        logger.error(
            "lane %d is at offset %d and was given what follows %d; it is read again from its chain's end",
            *(lane.lane, lane.next_offset, position),
        )
        self._read_again(lane)
        return False

    def _add(self, lane: OwnedLane, records: ParsedRecords) -> None:
        self._fill(lane, self._put_into_time(lane, records))
        if lane.holds_too_much:
            self._settle(lane)

    def _settle(self, lane: OwnedLane) -> None:
        """Take what is held as ahead: nothing that could tell better is waited for."""
        if lane.held is not None:
            held = lane.held
            lane.hold(None)
            self._fill(lane, self._put_into_time(lane, held, last=True))

    def _put_into_time(self, lane: OwnedLane, records: ParsedRecords, *, last: bool = False) -> ParsedRecords | None:
        """Return what can be put into a window, with the lane's clock behind each row; hold what follows."""
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
            self._windows = shared_windows(self._store, self._stream.name, self._cut.window, first)
        return now

    def _fill(self, lane: OwnedLane, left: ParsedRecords | None) -> None:
        epoch = lane.epoch
        # Landing and sealing may find that another writer was faster in this very lane: then the rest is void.
        while left is not None and lane.epoch == epoch:
            point = first_cut(left, lane.open, self._windows, *self._room(lane, left), first_window=self._first_window)
            if point is None:
                add_to_open(lane, left, self._windows, self._first_window)
                return
            here, left = left.split(point.offset)
            add_to_open(lane, here, self._windows, self._first_window)
            owned = [lane] if point.reason in {"window", "part_size"} else list(self._lanes.values())
            self._land(owned, point.reason)
            self._seal(landed_now=True)

    # ------------------------------------------------------------------ time passes

    def tick(self) -> None:
        """Land what its age, a pause or the end of its window completes."""
        now = time.monotonic()
        landed = self.counts.parts.total()
        if (reason := self._time_up(now)) is not None:
            self._end_by(reason)
        elif (length_s := self._cut.window) is not None:
            over = [lane for lane in self._lanes.values() if outlived(lane, self._windows, length_s, now)]
            self._settle_all(over)
            self._land(over, "window")
        if (length_s := self._cut.window) is not None:
            self._land([lane for lane in self._lanes.values() if waits_without_rows(lane, length_s, now)], "window")
        if self._seal(landed_now=self.counts.parts.total() > landed):
            self.seal_left_over()

    def _time_up(self, now: float) -> CutReason | None:
        ages = (lane.since(self._unsealed.of(lane.lane)) for lane in self._lanes.values())
        since = [at for at in (*ages, self._batches.again_since) if at is not None]
        if not since or self._sealing.ending:
            return None
        if self._cut.max_age is not None and now - min(since) >= self._cut.max_age:
            return "max_age"
        return "idle" if self._cut.idle is not None and self.idle_for() >= self._cut.idle else None

    def _settle_all(self, lanes: Iterable[OwnedLane]) -> None:
        for lane in list(lanes):
            self._settle(lane)

    def _end_by(self, reason: CutReason) -> None:
        self._land_open(reason)
        self._sealing.end_by(reason)

    def _land_open(self, reason: CutReason) -> None:
        self._settle_all(self._lanes.values())
        self._land(list(self._lanes.values()), reason)

    def idle_for(self) -> float:
        """Return the seconds since the last record of any lane; 0 while one's own have records left, or at first."""
        if self._last_record is None or not all(lane.at_end for lane in self._lanes.values()):
            return 0.0
        return time.monotonic() - max(self._last_record, self._sealing.records_came_at)

    def land_tail(self) -> bool:
        """Land all that is open, as the last batch of a topic that has come to its end.

        Returns False while its batch waits for the other members' parts, or rejects landed again for theirs: ask again.
        """
        if not self._sealing.ending or any(lane.held for lane in self._lanes.values()):
            self._end_by("idle")
        self.seal_left_over()
        return not (self._sealing.ending or self._batches.again)

    @property
    def open_rows(self) -> int:
        """Rows in open parts."""
        return sum(lane.open_rows for lane in list(self._lanes.values()))

    def landed_to(self) -> dict[int, int]:
        """Return where each owned lane's chain ends."""
        return {lane.lane: lane.open.first_offset for lane in list(self._lanes.values())}

    @property
    def open_since(self) -> float | None:
        """Monotonic seconds at which the oldest of them came."""
        return min((at for lane in list(self._lanes.values()) if (at := lane.opened_at) is not None), default=None)

    # ------------------------------------------------------------------ parts and batches

    def _land(self, lanes: list[OwnedLane], reason: CutReason) -> None:
        """Land the open parts of ``lanes``; a lane in which another writer was faster goes on behind it."""
        filled = [lane for lane in lanes if not lane.open.empty]
        if filled:
            if not self._landed_rows():
                self._tolerance.refuse_first_strangers()
            self.before_landing()
        for lane in filled:
            try:
                part = lane.chain.commit(lane.open, reason, self._writer)
            except OutrunError as error:
                logger.warning("another writer was faster, going on behind it; %s", error)
                self.counts.adopted += 1
                lane.landed_since = lane.since(self._unsealed.of(lane.lane)) or time.monotonic()
                self._read_again(lane)
                continue
            logger.info(
                "part landed; key=%s rows=%d rejected=%d cut=%s offsets=%d-%d",
                *(part.key, part.rows, part.rejected, part.cut, part.first_offset, part.next_offset),
            )
            self.counts.count(lane.open, part)
            if self._dead_letters is not None:
                self._dead_letters.send(lane.lane, lane.open.rejects)
            # What has landed before may be sealed by now, and its age is not this part's.
            lane.since(self._unsealed.of(lane.lane))
            self._unsealed.add(lane.lane, part)
            next_open(lane, part, self._schema)
            self.chain_ends.append(ChainEnd(lane.lane, part.next_offset))

    def _read_again(self, lane: OwnedLane) -> None:
        """Go on where the chain ends now, whoever landed what; the consumer seeks, and counts the epoch up."""
        lane.go_on(self._part_at_end(lane.chain, lane.lane))
        self.chain_ends.append(ChainEnd(lane.lane, lane.next_offset, lane.epoch))

    def _landed_rows(self) -> bool:
        """Whether rows of this stream have landed, as far as this member has looked."""
        return self._batches.newest is not None or any(part.rows for part in self._unsealed.all())

    def _seal(self, *, landed_now: bool) -> bool:
        """Seal the next batch if the landed parts of all lanes make one."""
        manifest = self._sealing.seal(
            self._lanes,
            {*range(self._partitions), *self._batches.ends(), *self._lanes},
            self._window_over,
            lambda window: self._windows.end_ms(window) if self._windows else None,
            self._land_open,
            landed_now=landed_now,
        )
        if manifest is not None and manifest.writer == self._writer.name:
            self.counts.batches[manifest.cut] += 1
            self.on_batch(manifest)
        return manifest is not None

    @property
    def _first_window(self) -> int | None:
        return None if self._cut.window is None else self._batches.first_window

    def _window_over(self, window: int) -> bool:
        return all(self._is_past(lane, window) for lane in self._lanes.values())

    def _is_past(self, lane: OwnedLane, window: int) -> bool:
        if lane.open.window is not None and lane.open.window <= window:
            return False
        if lane.open.rows:
            return True
        # What is held may come to be of the window in which the lane's clock stands, but of none before.
        return lane.at_end if lane.held is None else self._clock_window(lane) > window

    def _clock_window(self, lane: OwnedLane) -> float:
        if self._windows is None or lane.open.clock.time_ms is None:
            return -math.inf
        return opened_window(self._windows.number(lane.open.clock.time_ms), self._first_window)

    def _room(self, lane: OwnedLane, coming: ParsedRecords) -> tuple[int | None, int | None]:
        """Return the rows and the bytes that this member still takes before it cuts, at least 1."""
        window = lane.open.window
        if window is None and self._windows is not None and len(coming.timestamps_ms):
            window = opened_window(self._windows.number(int(coming.clock_ms[0])), self._first_window)
        return rooms(
            self._cut,
            owned=len(self._lanes),
            lanes=max(self._partitions, len(self._lanes)),
            # Windows are batches of their own, each with the rows and bytes of one.
            landed=[
                *((part.rows, part.value_bytes) for part in self._unsealed.all() if part.window == window),
                *((again.rows, again.value_bytes) for again in self._batches.again),
            ],
            open_=((own.open.rows, own.open.value_bytes) for own in self._lanes.values()),
        )
