"""The topic as replay sees it: made if missing, written with an idempotent producer, asked what it holds.

Row r goes to partition r mod P, so the last record of a partition tells which of its rows are there: all up to
that one. A header says which row it is, and of which rows before (``contract/origin.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import tenacity
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from contract.errors import ConfigurationError, ServiceDownError, StopError
from contract.origin import HEADER, Origin, origin_of
from pipeline.record_headers import headers_of
from pipeline.replay.earlier_rows import EarlierRows
from pipeline.replay.records_between import records_between

logger = logging.getLogger(__name__)

_LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
}
TIMEOUT_S = 6.0
_NEW_TOPIC_S = 20.0

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
class TopicFacts:
    """The topic as it is; ``config`` is what applies to it, the broker's defaults included."""

    id: str
    partitions: int
    config: Mapping[str, str]

    @property
    def record_bytes(self) -> int | None:
        """The largest batch of records that it takes, None where the broker does not say."""
        limit = self.config.get("max.message.bytes")
        return int(limit) if limit else None


@dataclass(frozen=True)
class HeldPartition:
    """What a partition holds: offsets ``low`` ≤ o < ``high``; per file the last of its records.

    ``earlier`` has the rows of files whose headers have no digest: their values are all that tells them.
    """

    low: int
    high: int
    last: Mapping[str, Origin]
    earlier: Mapping[str, EarlierRows] = field(default_factory=dict)


def make_producer(settings: Mapping[str, str], record_bytes: int | None) -> Producer:
    """Return an idempotent producer; ``record_bytes`` is the largest batch that the topic takes."""
    taken = sorted(settings.keys() & _FIXED.keys())
    if taken:
        raise ConfigurationError(f"{', '.join(taken)} cannot be set: sending each row once depends on it")
    # The client refuses records of a million bytes by itself, and would send batches that the topic refuses.
    longest = {} if record_bytes is None else {"message.max.bytes": min(max(record_bytes, 1_000), 1_000_000_000)}
    try:
        return Producer(
            {**_TUNED, **longest, **settings, **_FIXED}, logger=logging.getLogger("pipeline.replay.librdkafka")
        )
    except KafkaException as error:
        raise ConfigurationError(f"librdkafka refuses its settings: {error.args[0].str()}") from error


def ensure_topic(topic: str, partitions: int | None, settings: Mapping[str, str]) -> TopicFacts:
    """Return the facts of ``topic``, which is made without retention if it is missing, of one partition if not told.

    Raises
    ------
    ConfigurationError: it is there, with another number of partitions than was asked for.
    """
    address = settings["bootstrap.servers"]
    admin = AdminClient({"client.id": "swathe-replay", **settings}, logger=logging.getLogger(__name__))
    try:
        if (found := _described(admin, topic)) is None:
            _make(admin, topic, partitions or 1)
            found = _once_there(admin, topic)
    except KafkaException as error:
        raise ServiceDownError("kafka", address, error.args[0].str()) from error
    if partitions is not None and partitions != found.partitions:
        raise ConfigurationError(
            f"--partitions {partitions}: topic {topic!r} is there, and has {found.partitions}; leave the flag out to "
            f"send to it as it is, or name another `topic`"
        )
    return found


def _described(admin: AdminClient, topic: str) -> TopicFacts | None:
    """Return the topic's facts, or None where there is none; unlike a metadata request, this never makes a topic."""
    try:
        found = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)[topic].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise
    return TopicFacts(str(found.topic_id), len(found.partitions), _config(admin, topic))


def _make(admin: AdminClient, topic: str, partitions: int) -> None:
    # Rows that were not landed yet must not be deleted by the broker.
    config = {"retention.ms": "-1", "retention.bytes": "-1"}
    made = admin.create_topics([NewTopic(topic, num_partitions=partitions, config=config)], operation_timeout=TIMEOUT_S)
    try:
        made[topic].result()
    except KafkaException as error:
        # Somebody else may be faster, with another number of partitions.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    logger.info("topic made; topic=%s partitions=%d", topic, partitions)


def _once_there(admin: AdminClient, topic: str) -> TopicFacts:
    """Wait until a topic that was made just now can be written and read; a busy broker takes a moment."""
    deadline = time.monotonic() + _NEW_TOPIC_S
    while (found := _described(admin, topic)) is None:
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        time.sleep(0.1)
    return found


def _config(admin: AdminClient, topic: str) -> dict[str, str]:
    """Return the topic's configuration; empty where we may not ask for it."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    try:
        found = admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
    except KafkaException as error:
        logger.warning("topic configuration not known; topic=%s reason=%s", topic, error.args[0].str())
        return {}
    return {name: entry.value for name, entry in found.items() if entry.value is not None}


def refuse_retention(topic: str, config: Mapping[str, str]) -> None:
    """Stop where records with old timestamps would be deleted, or would not keep them.

    Raises
    ------
    ConfigurationError: the topic has time retention, or stamps records itself.
    """
    for name, wanted in (("retention.ms", "-1"), ("message.timestamp.type", "CreateTime")):
        if config.get(name) != wanted:
            raise ConfigurationError(
                f"--stamp needs {name}={wanted} on topic {topic!r}, which has {config.get(name, 'one not told')}: "
                f"records as old as their events would be deleted, or stamped anew. Nothing was sent; let replay make "
                f"the topic, or change its configuration"
            )


def _leaderless(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, KafkaException) and bool(cause.args[0].code() in _LEADERLESS)


@tenacity.retry(
    # A partition that was made just now has no leader for a moment, or is not known to every broker.
    retry=tenacity.retry_if_exception(_leaderless),
    stop=tenacity.stop_after_delay(_NEW_TOPIC_S),
    wait=tenacity.wait_fixed(0.1),
    reraise=True,
)
def held(topic: str, own: Collection[str], partitions: int, settings: Mapping[str, str]) -> list[HeldPartition]:
    """Return what each partition holds. Where its last record is of a file in ``own``, no other file is looked for."""
    consumer = _consumer(settings)
    try:
        return [_held(consumer, topic, partition, own) for partition in range(partitions)]
    except KafkaException as error:
        raise ServiceDownError("kafka", settings["bootstrap.servers"], error.args[0].str()) from error
    finally:
        consumer.close()


def origins_of(topic: str, source: str, partitions: int, settings: Mapping[str, str]) -> Iterator[Origin]:
    """Yield where the records of file ``source`` come from, as far as the topic holds them, partition by partition."""
    consumer = _consumer(settings)
    try:
        for partition in range(partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_S)
            for message in records_between(consumer, topic, partition, low, high, timeout_s=TIMEOUT_S):
                if (origin := _origin(message)) is not None and origin.source == source:
                    yield origin
    except KafkaException as error:
        raise ServiceDownError("kafka", settings["bootstrap.servers"], error.args[0].str()) from error
    finally:
        consumer.close()


def _consumer(settings: Mapping[str, str]) -> Consumer:
    # Going from partition to partition, a fetch must not wait for records that will not come.
    tuned: dict[str, str | int | float | bool] = {"fetch.wait.max.ms": 10, "fetch.queue.backoff.ms": 5}
    fixed = {"group.id": "swathe-replay", "enable.auto.commit": False, "auto.offset.reset": "error"}
    return Consumer(
        {**tuned, **settings, **fixed, "enable.partition.eof": True},
        logger=logging.getLogger("pipeline.replay.librdkafka"),
    )


def _held(consumer: Consumer, topic: str, partition: int, own: Collection[str]) -> HeldPartition:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_S)
    if high <= low:
        return HeldPartition(low, high, {})
    last = [
        _origin(message) for message in records_between(consumer, topic, partition, high - 1, high, timeout_s=TIMEOUT_S)
    ]
    if not last:
        raise StopError(
            f"topic {topic!r} partition {partition}: its last record cannot be read, so how much of the file is there "
            f"is not known. `--again` sends the whole file anew"
        )
    if last[0] is not None and last[0].source in own:
        return HeldPartition(low, high, {last[0].source: last[0]})
    found: dict[str, Origin] = {}
    earlier: dict[str, EarlierRows] = {}
    for message in records_between(consumer, topic, partition, low, high, timeout_s=TIMEOUT_S):
        if (origin := _origin(message)) is not None:
            found[origin.source] = origin
            if origin.digest is None:
                rows = earlier.setdefault(origin.source, EarlierRows(origin.row, origin.partitions))
                rows.add(origin.row, message.value() or b"")
    return HeldPartition(low, high, found, earlier)


def _origin(message: Message) -> Origin | None:
    for name, value in headers_of(message):
        if name == HEADER and isinstance(value, bytes):
            return origin_of(value)
    return None
