"""Reads the topic in one thread and lands it in another.

The consumer thread only fetches and keeps the group membership alive; parsing, encoding and PUTs are done by
the lander's thread while the next records arrive. Between them is a short queue: when it is full, the consumer
pauses its partitions and goes on polling, so memory stays bounded and the group does not evict it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contract.errors import ChainError
from pipeline.fault import fault_point
from pipeline.land.begun_topic import BegunTopic
from pipeline.land.broker_state import BrokerState
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.formats.format import Chunk, RecordFormat
from pipeline.land.lag import Lag
from pipeline.land.lander import Lander
from pipeline.land.lander_thread import PATIENCE_S, LanderThread, PartitionEnd, Work
from pipeline.land.origins import HeadersOf, Origins
from pipeline.land.patient_store import StoppedError
from pipeline.land.rare_collections import RareCollections
from pipeline.land.topic import explain

logger = logging.getLogger(__name__)

# consume() waits its whole timeout unless it gets this many, so both are small enough for time cuts.
FETCH_RECORDS = 10_000
FETCH_WAIT_S = 0.05
# Arrow parses outside the interpreter lock; a third thread brought nothing on two cores.
PARSING_THREADS = 2
# A supervisor kills what has not ended ten seconds after it was told to.
LEAVE_S = 7.0


class GroupMember:
    """One member of the stream's consumer group.

    Parameters
    ----------
    topic: the one that the stream's chains were begun on; ``broker`` says whether its broker answers
    lag: measured here, because the consumer has it
    keys_are_values: replay keys its records by a column, and not by their rows' numbers
    exit_when_idle_s: the topic's end is reached after so long without a record; None: never
    """

    def __init__(
        self, consumer: Consumer, lander: Lander, record_format: RecordFormat, *,
        topic: BegunTopic, broker: BrokerState, lag: Lag, exit_when_idle_s: float | None, stop: threading.Event,
        keys_are_values: bool = False,
    ) -> None:  # fmt: skip
        self.left = True
        """False if the group could not be left, or a PUT not be ended, within ``LEAVE_S``."""
        self._consumer = consumer
        self._begun_topic, self._broker, self._lag = topic, broker, lag
        self._topic, self._address = topic.topic.name, topic.address
        self._stop = stop
        self._thread = LanderThread(lander, exit_when_idle_s, stop)
        self._lander = lander
        self._format = record_format
        self._keys_are_values = keys_are_values
        self._parsing = ThreadPoolExecutor(PARSING_THREADS, "parse")
        self._epochs: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        """Per lane, the offset behind all that was handed over in its epoch."""
        self._paused = False
        self._cycles = RareCollections()

    def run(self) -> None:
        """Land until told to stop; raises what stopped the lander."""
        self._thread.start()
        try:
            self._consumer.subscribe(
                [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )
            with self._cycles:
                while not (self._thread.done.is_set() or self._stop.is_set()):
                    self._poll()
        finally:
            self._stop.set()
            self._leave()
        if self._thread.error is not None:
            raise self._thread.error

    @property
    def came_to_end(self) -> bool:
        """Whether the topic was idle for as long as was told; if not, it was told to leave."""
        return self._thread.came_to_end

    def _leave(self) -> None:
        """Let the PUT in flight end, commit, and leave the group; what a dead service holds up is given up."""
        deadline = time.monotonic() + LEAVE_S
        self._thread.join(LEAVE_S)
        self._parsing.shutdown(wait=False, cancel_futures=True)
        farewell = threading.Thread(target=self._commit_and_close, name="leave", daemon=True)
        farewell.start()
        farewell.join(max(1.0, deadline - time.monotonic()))
        self.left = not (self._thread.is_alive() or farewell.is_alive())
        if not self.left:
            logger.warning("left without waiting for a service that does not answer; what has not landed is read again")

    def _commit_and_close(self) -> None:
        """Runs in a thread of its own, whose errors nobody would raise; why the line stops is told elsewhere."""
        try:
            self._apply_moves(last=True)
            self._consumer.close()
        except KafkaException as error:
            logger.warning("consumer group not left, its session ends by itself; reason=%s", error.args[0].str())

    # ------------------------------------------------------------------ records

    def _poll(self) -> None:
        messages = self._fetch(FETCH_WAIT_S)
        if messages:
            self._broker.note_answer()
        for item in self._sorted(messages):
            self._hand_over(item)
        self._apply_moves()
        self._lag.measure(self._epochs)

    def _fetch(self, wait_s: float) -> list[Message]:
        try:
            return self._consumer.consume(FETCH_RECORDS, wait_s)
        except KafkaException as error:
            raise explain(error, self._address, self._topic) from error

    def _sorted(self, messages: list[Message]) -> list[Work]:
        """Return the records by lane, each lane's ends behind its records."""
        # map() over the methods runs in C: this thread's share of the interpreter lock is every record's cost.
        events: list[Message] = []
        if any(map(Message.error, messages)):
            events = [message for message in messages if message.error() is not None]
            messages = [message for message in messages if message.error() is None]
        work: list[Work] = []
        lanes = set(map(Message.partition, messages))
        for lane in sorted(lane for lane in lanes if lane is not None):
            mine = messages if len(lanes) == 1 else [m for m in messages if m.partition() == lane]
            if lane in self._epochs and (fetched := self._fetched(lane, mine)) is not None:
                work.append(fetched)
        work.extend(filter(None, (self._event(message) for message in events)))
        return work

    def _fetched(self, lane: int, messages: list[Message]) -> FetchedRecords | None:
        position = self._positions[lane]
        offsets = np.fromiter(map(Message.offset, messages), np.int64, len(messages))
        if offsets[0] < position:
            messages = [message for message in messages if (message.offset() or 0) >= position]
            if not messages:
                return None
            offsets = offsets[-len(messages) :]
        self._positions[lane] = int(offsets[-1]) + 1
        chunk = Chunk(
            values=list(map(Message.value, messages)),
            keys=list(map(Message.key, messages)),
            headers=HeadersOf(messages),
            timestamps_ms=np.fromiter((time for _, time in map(Message.timestamp, messages)), np.int64, len(messages)),
        )
        return FetchedRecords(
            lane=lane,
            epoch=self._epochs[lane],
            position=position,
            chunk=chunk,
            offsets=offsets,
            parsed=self._parsing.submit(self._format.parse, chunk),
            origins=Origins(messages, offsets, any_key=self._keys_are_values),
        )

    def _event(self, message: Message) -> PartitionEnd | None:
        error, lane, offset = message.error(), message.partition(), message.offset()
        assert error is not None  # noqa: S101 - only messages with an error come here
        if error.code() == KafkaError._PARTITION_EOF:
            if lane is None or offset is None or lane not in self._epochs:
                return None
            position = self._positions[lane]
            self._positions[lane] = max(position, offset)
            return PartitionEnd(lane, self._epochs[lane], position, offset)
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:
            # The group has taken our lanes away; the next poll joins it again.
            logger.warning("kafka: %s", error.str())
            return None
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            if lane is not None and offset is not None:
                self._begun_topic.refuse_lost(self._consumer, lane, offset)
            raise ChainError(
                f"topic {self._topic!r} partition {lane} no longer holds offset {offset}: {error.str()}. "
                f"Retention deleted records before they landed, or the topic was made again"
            )
        # What heals by itself, such as a partition without a leader, the client does not hand over: it asks again.
        raise explain(KafkaException(error), self._address, self._topic)

    def _hand_over(self, item: Work) -> None:
        """Queue ``item``; while the lander is behind, pause and keep polling so that the group keeps us."""
        waiting = [item]
        while waiting and not (self._thread.done.is_set() or self._stop.is_set()):
            try:
                self._thread.work.put(waiting[0], timeout=PATIENCE_S)
                waiting.pop(0)
            except queue.Full:
                self._pause()
                waiting.extend(self._sorted(self._fetch(0)))
        self._resume()

    def _pause(self) -> None:
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True

    def _resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    # ------------------------------------------------------------------ offsets

    def _apply_moves(self, *, last: bool = False) -> None:
        """Commit what has landed, as a hint for lag tools, and seek where another writer was faster."""
        ends: dict[int, int] = {}
        while self._lander.chain_ends:
            move = self._lander.chain_ends.popleft()
            if move.seek_epoch is not None and move.seek_epoch == self._epochs.get(move.lane, 0) + 1:
                self._epochs[move.lane] = move.seek_epoch
                self._positions[move.lane] = move.next_offset
                if not last:
                    self._consumer.seek(TopicPartition(self._topic, move.lane, move.next_offset))
            ends[move.lane] = move.next_offset
        if not ends:
            return
        fault_point("before-commit")
        offsets = [TopicPartition(self._topic, lane, offset) for lane, offset in ends.items() if lane in self._epochs]
        try:
            if last:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            # The chain is the truth; a member that was evicted may not commit, and loses nothing by it.
            logger.warning("offsets not committed; reason=%s", error.args[0].str())
        self._cycles.collect()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # A member that leaves may be given lanes at the same moment; close() hands them on.
        with suppress(StoppedError):
            self._assign(consumer, partitions)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        starts = []
        for partition in partitions:
            lane = partition.partition
            epoch = self._epochs[lane] = self._epochs.get(lane, 0) + 1
            offset = self._positions[lane] = self._thread.ask(self._lander.own, lane, epoch)
            committed = self._begun_topic.confirm_lane(consumer, lane, offset)
            self._thread.ask(self._lander.send_dead_letters_from, lane, committed)
            starts.append(TopicPartition(self._topic, lane, offset))
        consumer.incremental_assign(starts)
        if self._paused and starts:
            consumer.pause(starts)
        # Partitions that were added since come with a rebalance, to every member.
        # Another client is asked: list_topics() inside a callback of this one aborts the process at the next callback.
        self._thread.ask(self._lander.begin, self._begun_topic.confirm())

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            lane = partition.partition
            self._epochs[lane] = self._epochs.get(lane, 0) + 1
            # When the lander has ended, nothing is open any more.
            with suppress(StoppedError):
                self._thread.ask(self._lander.disown, lane)
        self._apply_moves(last=True)
        consumer.incremental_unassign(partitions)
