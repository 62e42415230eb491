"""Fills parts, cuts them and lands them. Lives in one thread, so it needs no lock.

What happens when the process dies in between: the open parts are lost and read again from the topic, because
each lane goes on where its landed chain ends; parts without a manifest are sealed by the next owner.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from contract.batch import CutReason, Manifest
from contract.stream import Stream
from contract.stream_sections import Cut
from pipeline.columns import part_schema
from pipeline.land.all_lanes import AllLanes
from pipeline.land.batches import Batches
from pipeline.land.chain import Chain, OutrunError, Writer
from pipeline.land.chain_start import ChainStart
from pipeline.land.dead_letters import DeadLetters, parts_behind
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.foreign_lanes import ForeignLanes, LaneOffsets
from pipeline.land.landing_counts import LandingCounts
from pipeline.land.lane_clock import LaneClock
from pipeline.land.open_part import OpenPart
from pipeline.land.owned_lane import ChainEnd, OwnedLane, next_open
from pipeline.land.owned_lanes import OwnedLanes
from pipeline.land.parsed_records import ParsedRecords, no_records, parsed_records
from pipeline.land.reject_tolerance import Hint, RejectTolerance, no_hint
from pipeline.land.sealing import Sealing
from pipeline.land.unsealed_parts import UnsealedParts
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)


class TopicCheck(Protocol):
    """Knows whether the topic is still the one that the chains were begun on."""

    def confirm(self) -> object:
        """Return if it is; raise what stops the line if not."""
        ...


class BatchLog(Protocol):
    """Told of what this process has sealed."""

    def sealed(self, batch: Manifest) -> None:
        """Take note of ``batch``."""
        ...


class Lander:
    """Lands the lanes that this process owns.

    Parameters
    ----------
    partitions: number of partitions of the topic; all lanes, whoever owns them
    topic: asks the broker about lanes that other members own
    topic_check: asked before parts are landed; None where what is fetched can be of no other topic
    dead_letters: where rejected records go too, once their part has landed
    batch_log: told each batch that this process has sealed
    hint: asked what records may have been meant to be when they stop the line
    """

    def __init__(
        self, stream: Stream, cut: Cut, *, store: ObjectStore, writer: Writer, start: ChainStart, partitions: int,
        topic: LaneOffsets, topic_check: TopicCheck | None = None, dead_letters: DeadLetters | None = None,
        batch_log: BatchLog | None = None, hint: Hint = no_hint,
    ) -> None:  # fmt: skip
        self._stream = stream
        self._has_windows = cut.window is not None
        self._store = store
        self._writer = writer
        self._schema = part_schema(stream)
        self._topic_check = topic_check
        self._dead_letters = dead_letters
        self._batch_log = batch_log
        self._tolerance = RejectTolerance(stream, hint)
        self._batches = Batches(store, stream.name, stream.topic, writer)
        self._unsealed = UnsealedParts(store, stream.name, writer=writer, batches=self._batches, start=start)
        self.lanes = OwnedLanes(
            cut, store, stream.name, partitions=partitions, batches=self._batches, unsealed=self._unsealed
        )
        foreign = ForeignLanes(store, stream.name, cut, unsealed=self._unsealed, topic=topic)
        self._sealing = Sealing(cut, self._batches, AllLanes(self.lanes, foreign, self._batches, self._unsealed))
        self.counts = LandingCounts()
        self.chain_ends: deque[ChainEnd] = deque()
        """Where lanes now end, for the consumer's thread to take."""

    # ------------------------------------------------------------------ lanes come and go

    def own(self, lane: int, epoch: int) -> int:
        """Take ``lane`` over where its chain ends; return the offset to go on from."""
        chain = Chain(self._store, self._stream.name, lane)
        part = self._part_at_end(chain, lane)
        unsealed = self._unsealed.of(lane)
        self.lanes.take(OwnedLane(lane, epoch, chain, part, landed_since=time.monotonic() if unsealed else None))
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
        clock = chain.clock_at(sequence) if self._has_windows else LaneClock()
        return OpenPart(lane, sequence, offset, self._schema, clock)

    def send_dead_letters_from(self, lane: int, committed: int) -> None:
        """Produce the rejects of ``lane`` beyond the offset ``committed``: its last owner may not have come to it."""
        if self._dead_letters is None:
            return
        for part in parts_behind(self._batches, lane, self._unsealed.of(lane), committed):
            self._dead_letters.send_from(self._store, lane, part)

    def begin(self, partitions: int) -> None:
        """Begin with the lanes owned now, of ``partitions``: seal what an earlier owner landed and did not seal."""
        self.lanes.partitions = max(partitions, self.lanes.partitions)
        self._sealing.note_record()
        self.seal_left_over()

    def seal_left_over(self) -> None:
        """Seal every batch that the landed parts make."""
        while self._seal(landed_now=True):
            pass

    def disown(self, lane: int) -> None:
        """Let ``lane`` go; its open part is dropped, and read again by the next owner."""
        self.lanes.drop(lane)

    # ------------------------------------------------------------------ records come

    def take(self, fetched: FetchedRecords) -> None:
        """Add records to their lane's open part, landing and sealing whatever they complete."""
        lane = self.lanes.get(fetched.lane, fetched.epoch)
        if lane is None:
            return
        self._sealing.note_record()
        lane.at_end = False
        if not self._continues(lane, fetched.position):
            return
        records = parsed_records(fetched, lane.next_offset)
        self._tolerance.count(lane.lane, records)
        self._fill(lane, self.lanes.put_into_time(lane, records))
        if lane.holds_too_much:
            self._settle(lane)

    def reach_end(self, lane_number: int, epoch: int, position: int, offset: int) -> None:
        """Note that ``offset`` is the end of the lane; between it and ``position`` there is no record."""
        lane = self.lanes.get(lane_number, epoch)
        if lane is None or not self._continues(lane, position):
            return
        if offset > lane.next_offset:
            lane.skip(no_records(self._schema, lane.next_offset, offset))
        lane.at_end = offset >= lane.next_offset

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

    def _settle(self, lane: OwnedLane) -> None:
        """Take what is held as ahead: nothing that could tell better is waited for."""
        # A batch that is cut elsewhere while the lane is being filled ends before what is in hand, and so before this.
        if lane.held is not None and not lane.in_hand:
            held = lane.held
            lane.hold(None)
            self._fill(lane, self.lanes.put_into_time(lane, held, last=True))

    def _fill(self, lane: OwnedLane, left: ParsedRecords | None) -> None:
        epoch = lane.epoch
        # Landing and sealing may find that another writer was faster in this very lane: then the rest is void.
        while left is not None and lane.epoch == epoch:
            point = self.lanes.first_cut(lane, left)
            if point is None:
                self.lanes.add(lane, left)
                return
            here, left = left.split(point.offset)
            self.lanes.add(lane, here)
            lane.in_hand = left is not None
            self._land([lane] if point.reason in {"window", "part_size"} else self.lanes.all, point.reason)
            self._seal(landed_now=True)
            lane.in_hand = False

    # ------------------------------------------------------------------ time passes

    def tick(self) -> None:
        """Land what its age, a pause or the end of its window completes."""
        now = time.monotonic()
        landed = self.counts.parts.total()
        if (reason := self._sealing.time_up()) is not None:
            self._end_by(reason)
        else:
            over = self.lanes.outlived(now)
            self._settle_all(over)
            self._land(over, "window")
        self._land(self.lanes.waiting_without_rows(now), "window")
        if self._seal(landed_now=self.counts.parts.total() > landed):
            self.seal_left_over()

    def _settle_all(self, lanes: Iterable[OwnedLane]) -> None:
        for lane in lanes:
            self._settle(lane)

    def _end_by(self, reason: CutReason) -> None:
        self._land_open(reason)
        self._sealing.end_by(reason)

    def _land_open(self, reason: CutReason) -> None:
        self._settle_all(self.lanes.all)
        self._land(self.lanes.all, reason)

    def idle_for(self) -> float:
        """Return the seconds since the last record of any lane; 0 while one's own have records left, or at first."""
        return self._sealing.idle_for()

    def land_tail(self) -> bool:
        """Land all that is open, as the last batch of a topic that has come to its end.

        Returns False while its batch waits for the other members' parts, or rejects landed again for theirs: ask again.
        """
        # What came since the batch that waits was cut by time, is landed too.
        if not self._sealing.ending or any(lane.next_offset > lane.open.first_offset for lane in self.lanes.all):
            self._end_by("idle")
        self.seal_left_over()
        return not (self._sealing.ending or self._batches.again)

    # ------------------------------------------------------------------ parts and batches

    def _land(self, lanes: Iterable[OwnedLane], reason: CutReason) -> None:
        """Land the open parts of ``lanes``; a lane in which another writer was faster goes on behind it."""
        filled = [lane for lane in lanes if not lane.open.empty]
        if not filled:
            return
        if not self._landed_rows():
            self._tolerance.refuse_first_strangers()
        if self._topic_check is not None:
            self._topic_check.confirm()
        for lane in filled:
            self._land_part(lane, reason)

    def _land_part(self, lane: OwnedLane, reason: CutReason) -> None:
        try:
            part = lane.chain.commit(lane.open, reason, self._writer)
        except OutrunError as error:
            logger.warning("another writer was faster, going on behind it; %s", error)
            self.counts.adopted += 1
            lane.landed_since = lane.since(self._unsealed.of(lane.lane)) or time.monotonic()
            self._read_again(lane)
            return
        logger.info(
            "part landed; key=%s rows=%d rejected=%d skipped=%d cut=%s offsets=%d-%d",
            *(part.key, part.rows, part.rejected, part.skipped, part.cut, part.first_offset, part.next_offset),
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
        """Seal the next batch if the landed parts of all lanes make one, ours among them."""
        if not self._sealing.look(landed_now=landed_now):
            return False
        if (reason := self._sealing.cut_elsewhere()) is not None:
            self._land_open(reason)
        manifest = self._sealing.seal()
        if manifest is not None and manifest.writer == self._writer.name:
            self.counts.batches[manifest.cut] += 1
            if self._batch_log is not None:
                self._batch_log.sealed(manifest)
        return manifest is not None
