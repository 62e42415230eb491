"""The topic as replay sees it: made if missing, written with an idempotent producer, asked how far it got.

Row r goes to partition r mod P, so the last record of a partition tells which of its rows are there: all up to
that one. A header names the file and the row; with it a replay that was killed goes on without sending a row twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tenacity
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from contract.errors import ConfigurationError, ServiceDownError, StopError

logger = logging.getLogger(__name__)

HEADER = "swathe-replay"
_LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
TIMEOUT_S = 6.0

_TUNED: Mapping[str, str | int] = {
    "client.id": "swathe-replay",
    "linger.ms": 20,
    "batch.size": 1_000_000,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
}
_FIXED: Mapping[str, str | int | bool] = {
    "enable.idempotence": True,
    # Never: a row that were given up alone would leave a hole behind which later rows are sent.
    "message.timeout.ms": 0,
    "acks": "all",
    "delivery.report.only.error": True,
}


@dataclass(frozen=True)
class Origin:
    """Where a record came from: row ``row`` of file ``source``, sent to a topic of ``partitions``."""

    source: str
    row: int
    partitions: int

    def header(self) -> bytes:
        """Return the header's value."""
        return b"%s %d %d" % (self.source.encode(), self.row, self.partitions)


def make_producer(settings: Mapping[str, str]) -> Producer:
    """Return an idempotent producer."""
    taken = sorted(settings.keys() & _FIXED.keys())
    if taken:
        raise ConfigurationError(f"{', '.join(taken)} cannot be set: sending each row once depends on it")
    try:
        return Producer({**_TUNED, **settings, **_FIXED}, logger=logging.getLogger("pipeline.replay.librdkafka"))
    except KafkaException as error:
        raise ConfigurationError(f"librdkafka refuses its settings: {error.args[0].str()}") from error


def ensure_topic(topic: str, partitions: int, settings: Mapping[str, str]) -> int:
    """Make ``topic`` without retention if it is missing; return how many partitions it has."""
    address = settings["bootstrap.servers"]
    admin = AdminClient({"client.id": "swathe-replay", **settings}, logger=logging.getLogger(__name__))
    try:
        known = admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if known.error is None:
            return len(known.partitions)
        # Rows that were not landed yet must not be deleted by the broker.
        config = {"retention.ms": "-1", "retention.bytes": "-1"}
        made = admin.create_topics(
            [NewTopic(topic, num_partitions=partitions, config=config)], operation_timeout=TIMEOUT_S
        )
        made[topic].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            # Somebody else was faster, perhaps with another number; a broker may need a moment to say it.
            time.sleep(0.1)
            return ensure_topic(topic, partitions, settings)
        raise ServiceDownError("kafka", address, error.args[0].str()) from error
    logger.info("topic made; topic=%s partitions=%d", topic, partitions)
    return partitions


def refuse_retention(topic: str, settings: Mapping[str, str]) -> None:
    """Stop where records with old timestamps would be deleted, or would not keep them.

    Raises
    ------
    ConfigurationError: the topic has time retention, or stamps records itself.
    """
    admin = AdminClient({"client.id": "swathe-replay", **settings}, logger=logging.getLogger(__name__))
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    try:
        found = admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
    except KafkaException as error:
        raise ServiceDownError("kafka", settings["bootstrap.servers"], error.args[0].str()) from error
    for name, wanted in (("retention.ms", "-1"), ("message.timestamp.type", "CreateTime")):
        if found[name].value != wanted:
            raise ConfigurationError(
                f"--stamp needs {name}={wanted} on topic {topic!r}, which has {found[name].value}: records as old as "
                f"their events would be deleted, or stamped anew. Nothing was sent; let replay make the topic, or "
                f"change its configuration"
            )


def _leaderless(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, KafkaException) and bool(cause.args[0].code() in _LEADERLESS)


@tenacity.retry(
    # A partition that was made just now has no leader for a moment.
    retry=tenacity.retry_if_exception(_leaderless),
    stop=tenacity.stop_after_delay(TIMEOUT_S),
    wait=tenacity.wait_fixed(0.1),
    reraise=True,
)
def next_rows(topic: str, source: str, partitions: int, settings: Mapping[str, str]) -> list[int]:
    """Return per partition the first row of ``source`` that is not in it yet.

    Raises
    ------
    StopError: rows of this file were sent when the topic had another number of partitions.
    """
    consumer = Consumer(
        {**settings, "group.id": "swathe-replay", "enable.auto.commit": False, "auto.offset.reset": "error"}
    )
    try:
        return [_after(_last(consumer, topic, lane, source), lane, partitions) for lane in range(partitions)]
    except KafkaException as error:
        raise ServiceDownError("kafka", settings["bootstrap.servers"], error.args[0].str()) from error
    finally:
        consumer.close()


def _after(last: Origin | None, lane: int, partitions: int) -> int:
    if last is None:
        return lane
    if last.partitions != partitions:
        raise StopError(
            f"this file was partly sent when the topic had {last.partitions} partitions, and now it has {partitions}: "
            f"where its rows are cannot be told any more. `--again` sends the whole file anew"
        )
    return last.row + partitions


def _last(consumer: Consumer, topic: str, lane: int, source: str) -> Origin | None:
    """Return the last row of ``source`` in the lane: its last record, or one before what others sent since."""
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, lane), timeout=TIMEOUT_S)
    if high <= low:
        return None
    last = [_origin(message) for message in _records(consumer, topic, lane, high - 1, high)]
    if not last:
        raise StopError(
            f"topic {topic!r} partition {lane}: its last record cannot be read, so how much of the file is there is "
            f"not known. `--again` sends the whole file anew"
        )
    if last[0] is not None and last[0].source == source:
        return last[0]
    origins = map(_origin, _records(consumer, topic, lane, low, high))
    found: Origin | None = None
    for origin in origins:
        if origin is not None and origin.source == source:
            found = origin
    return found


def _records(consumer: Consumer, topic: str, lane: int, first: int, end: int) -> Iterator[Message]:
    """Yield the records from offset ``first`` up to ``end``, as far as the broker has them."""
    consumer.assign([TopicPartition(topic, lane, first)])
    # As many as there are at most: consume() waits its whole time for more.
    while first < end and (messages := consumer.consume(min(10_000, end - first), TIMEOUT_S)):
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            yield message
        first = (messages[-1].offset() or 0) + 1


def _origin(message: Message) -> Origin | None:
    for header in message.headers() or []:
        value = header[1]
        if header[0] == HEADER and isinstance(value, bytes):
            fields = value.decode().split(" ")
            return Origin(fields[0], int(fields[1]), int(fields[2]))
    return None
