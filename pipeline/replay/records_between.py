"""Records of one partition between two offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_MOMENT_S: Final = 0.2


def records_between(
    consumer: Consumer, topic: str, lane: int, first: int, end: int, *, timeout_s: float, at_once: int = 10_000
) -> Iterator[Message]:
    """Yield the records from offset ``first`` up to ``end``, or to the partition's end where the last are no records.

    ``consumer`` has to tell a partition's end (`enable.partition.eof`); ``at_once`` of them are in memory at most.

    Raises
    ------
    KafkaException: the broker says nothing for ``timeout_s``; what it holds would be taken for less than it is.
    """
    consumer.assign([TopicPartition(topic, lane, first)])
    heard_at = time.monotonic()
    while first < end:
        # As many as there are at most, and for a moment only: consume() waits its whole time for more.
        messages = consumer.consume(min(at_once, end - first), _MOMENT_S)
        if not messages and time.monotonic() - heard_at > timeout_s:
            reason = f"no record of partition {lane} from offset {first:,} on for {timeout_s:g} s, of {end - first:,}"
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, reason))
        for message in messages:
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return
                raise KafkaException(error)
            offset = message.offset() or 0
            if offset >= end:
                # What lay before it has been compacted away.
                return
            yield message
            first = offset + 1
        if messages:
            heard_at = time.monotonic()
