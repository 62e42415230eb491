"""Whether the topic is still the one that the chains were begun on, and still holds what comes next of its lanes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from contract.errors import ChainError, ServiceDownError
from contract.stream import Stream
from pipeline.land.chain_start import refuse_foreign_commit, refuse_lost_records, refuse_other_topic
from pipeline.land.patient_store import StoppedError
from pipeline.land.topic import TIMEOUT_S, Topic, explain, watermarks

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class BegunTopic:
    """The topic of id ``topic_id``, on which the chains of ``stream`` were begun; ``address`` is the broker's.

    Both checks wait for a broker that does not answer, until ``stop`` is set; then they raise :class:`StoppedError`.
    """

    topic: Topic
    topic_id: str
    stream: Stream
    address: str
    stop: threading.Event

    def confirm(self) -> int:
        """Return the number of partitions of the topic.

        Raises
        ------
        ChainError: it was made again, and its offsets mean others now.
        """
        topic_id, partitions = self._patiently(self.topic.describe)
        refuse_other_topic(self.stream.name, (self.topic.name, self.topic_id), (self.topic.name, topic_id))
        return partitions

    def confirm_lane(self, consumer: Consumer, lane: int, offset: int) -> int:
        """Return the offset that the group has committed in ``lane``, which goes on at ``offset``; negative for none.

        Raises
        ------
        ChainError: the lane does not hold ``offset``, or more was committed than has landed.
        """
        return self._patiently(lambda: self._committed(consumer, lane, offset))

    def refuse_lost(self, consumer: Consumer, lane: int, offset: int) -> None:
        """Stop where the topic's retention has deleted the record at ``offset``, which ``lane`` needs next."""
        low, _ = watermarks(consumer, self.topic.name, lane, self.address)
        refuse_lost_records(self.stream.name, self.topic.name, lane, offset, low)

    def _committed(self, consumer: Consumer, lane: int, offset: int) -> int:
        name, stream = self.topic.name, self.stream
        low, high = watermarks(consumer, name, lane, self.address)
        refuse_lost_records(stream.name, name, lane, offset, low)
        try:
            (committed,) = consumer.committed([TopicPartition(name, lane)], timeout=TIMEOUT_S)
        except KafkaException as error:
            raise explain(error, self.address, name) from error
        refuse_foreign_commit(stream.name, stream.consumer_group, lane, offset, committed.offset)
        if offset > high:
            raise ChainError(
                f"topic {name!r} partition {lane} ends at {high}, but stream {stream.name!r} has landed it up "
                f"to {offset}: the topic was truncated or made again"
            )
        return int(committed.offset)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Return what ``call`` answers, however long the broker takes; a broker that restarts only delays."""
        told: set[str] = set()
        while True:
            try:
                return call()
            except ServiceDownError as error:
                if str(error) not in told:
                    logger.warning("lanes cannot be taken yet, asking again until they can; %s", error)
                told.add(str(error))
                if self.stop.wait(1.0):
                    raise StoppedError from error
