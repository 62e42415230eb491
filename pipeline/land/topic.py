"""The topic as landing sees it: its id, its partitions, its ends; and the consumer that reads it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

import tenacity
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from contract.errors import AccessDeniedError, ConfigurationError, ServiceDownError, ServiceUnwellError

logger = logging.getLogger(__name__)

TIMEOUT_S = 6.0
NEW_TOPIC_S = 3.0
LOOK_TIMEOUT_S = 2.0

_DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
}

_LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._UNKNOWN_PARTITION,
}

# What a broker says too of a topic that was made just now, and that it was not told of yet.
_UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}

# Ours to decide: exactly-once rests on them.
_FIXED: Mapping[str, str | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "cooperative-sticky",
}
# Better than librdkafka's defaults for landing, and open to `SWATHE_KAFKA_…`.
_TUNED: Mapping[str, str | int] = {
    "client.id": "swathe-land",
    # The default of 1000 ms leaves the fetcher idle whenever its queue was full once.
    "fetch.queue.backoff.ms": 5,
    "queued.min.messages": 100_000,
    # With four fetches on their way to the lander, this bounds memory, however large records are.
    "queued.max.messages.kbytes": 32_768,
    "fetch.wait.max.ms": 100,
    # A killed member holds its lanes for this long.
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 2_000,
    # Partitions added to the topic join within this time.
    "topic.metadata.refresh.interval.ms": 10_000,
    "statistics.interval.ms": 0,
}


# The admin client keeps what it knows of a topic for 15 minutes otherwise; partitions are added.
_FRESH: Mapping[str, str | int] = {"topic.metadata.refresh.interval.ms": 10_000, "metadata.max.age.ms": 10_000}


def make_consumer(
    settings: Mapping[str, str], group: str, on_error: Callable[[KafkaError], None] | None = None
) -> Consumer:
    """Return a consumer of ``group``; ``settings`` are librdkafka's, ``on_error`` is told what it says of brokers.

    Raises
    ------
    ConfigurationError: a setting that librdkafka does not know, or one that landing must decide.
    """
    taken = sorted(settings.keys() & _FIXED.keys())
    if taken:
        raise ConfigurationError(f"{', '.join(taken)} cannot be set: landing exactly once depends on it")
    configuration: dict[str, object] = {**_TUNED, **settings, **_FIXED, "group.id": group}
    if on_error is not None:
        configuration["error_cb"] = on_error
    try:
        return Consumer(configuration, logger=logging.getLogger("pipeline.land.librdkafka"))
    except KafkaException as error:
        raise ConfigurationError(f"librdkafka refuses its settings: {error.args[0].str()}") from error


def _asking_again(codes: Collection[int], within_s: float) -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, KafkaException) and error.args[0].code() in codes
        ),
        stop=tenacity.stop_after_delay(within_s),
        wait=tenacity.wait_fixed(0.1),
        reraise=True,
    )


# A partition that was made just now has no leader for a moment.
_with_leader = _asking_again(_LEADERLESS, TIMEOUT_S)
_once_known = _asking_again(_UNKNOWN, NEW_TOPIC_S)


class Topic:
    """Asks the broker about one topic."""

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self.name = name
        self._address = settings["bootstrap.servers"]
        self._admin = AdminClient(
            {"client.id": "swathe-land", **_FRESH, **settings}, logger=logging.getLogger("pipeline.land.librdkafka")
        )
        self._silent: dict[int, str] = {}
        """Per lane that no broker speaks for, the reason, which was logged."""

    def describe(self) -> tuple[str, int]:
        """Return the topic's id and its number of partitions.

        Raises
        ------
        ServiceDownError: no broker answers.
        ConfigurationError: there is no such topic.
        """
        try:
            return self._described()
        except KafkaException as error:
            raise explain(error, self._address, self.name) from error

    def describe_new(self) -> tuple[str, int]:
        """As :meth:`describe`; whether there is none is asked for ``NEW_TOPIC_S``, as it may be made just now."""
        try:
            return _once_known(self._described)
        except KafkaException as error:
            raise explain(error, self._address, self.name) from error

    def _described(self) -> tuple[str, int]:
        futures = self._admin.describe_topics(TopicCollection([self.name]), request_timeout=TIMEOUT_S)
        found = futures[self.name].result()
        return str(found.topic_id), len(found.partitions)

    def high_watermarks(self, lanes: Iterable[int]) -> dict[int, int]:
        """Return the offset after the last record of each of ``lanes``; a lane is left out if no broker says it now."""
        return self._offsets(lanes, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def first_offsets_since(self, lanes: Iterable[int], timestamp_ms: int) -> dict[int, int]:
        """Return the offset of each lane's first record not older than ``timestamp_ms``, -1 for none; see above."""
        return self._offsets(lanes, OffsetSpec.for_timestamp(timestamp_ms))

    def _offsets(self, lanes: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(self.name, lane): spec for lane in lanes}
        if not asked:
            return {}
        found = {}
        for partition, future in self._admin.list_offsets(asked, request_timeout=LOOK_TIMEOUT_S).items():
            lane = partition.partition
            try:
                found[lane] = int(future.result().offset)
            except KafkaException as error:
                self._say_once(lane, error.args[0].str())
            else:
                if self._silent.pop(lane, None) is not None:
                    logger.warning("offset known again; topic=%s partition=%d", self.name, lane)
        return found

    def _say_once(self, lane: int, reason: str) -> None:
        """Log why the lane's offset is not known; it is asked for twice a second, for as long as that lasts."""
        if self._silent.get(lane) != reason:
            logger.warning("offset not known; topic=%s partition=%d reason=%s", self.name, lane, reason)
        self._silent[lane] = reason


def watermarks(consumer: Consumer, topic: str, lane: int, address: str) -> tuple[int, int]:
    """Return the lane's first offset and the one after its last."""
    try:
        return _watermarks(consumer, topic, lane)
    except KafkaException as error:
        raise explain(error, address, topic) from error


def _watermarks(consumer: Consumer, topic: str, lane: int) -> tuple[int, int]:
    low, high = _with_leader(consumer.get_watermark_offsets, TopicPartition(topic, lane), timeout=TIMEOUT_S)
    return low, high


def committed_offsets(consumer: Consumer, topic: str, lanes: int, address: str) -> dict[int, int]:
    """Return the offsets that the consumer's group has committed; a lane without one is left out."""
    asked = [TopicPartition(topic, lane) for lane in range(lanes)]
    try:
        found = consumer.committed(asked, timeout=TIMEOUT_S)
    except KafkaException as error:
        raise explain(error, address, topic) from error
    return {entry.partition: entry.offset for entry in found if entry.offset >= 0}


def offsets_at(consumer: Consumer, topic: str, lanes: int, start: str | int, address: str) -> dict[int, int]:
    """Return per lane the offset that ``start`` means: ``earliest``, ``latest``, or ms since the epoch."""
    try:
        ends = {lane: _once_known(_watermarks, consumer, topic, lane) for lane in range(lanes)}
    except KafkaException as error:
        raise explain(error, address, topic) from error
    if start == "earliest":
        return {lane: low for lane, (low, _) in ends.items()}
    if start == "latest":
        return {lane: high for lane, (_, high) in ends.items()}
    wanted = [TopicPartition(topic, lane, int(start)) for lane in range(lanes)]
    try:
        found = consumer.offsets_for_times(wanted, timeout=TIMEOUT_S)
    except KafkaException as error:
        raise explain(error, address, topic) from error
    # A negative offset says that no record is as young as that.
    return {entry.partition: entry.offset if entry.offset >= 0 else ends[entry.partition][1] for entry in found}


def explain(
    error: KafkaException, address: str, topic: str
) -> ServiceDownError | AccessDeniedError | ConfigurationError:
    """Return ``error`` in our own words."""
    cause: KafkaError = error.args[0]
    if cause.code() in _DENIED:
        return AccessDeniedError(f"Kafka at {address} refuses access to topic {topic!r}: {cause.str()}")
    if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return ConfigurationError(
            f"Kafka at {address} has no topic {topic!r}: send rows to it, which makes it, or correct `topic`"
        )
    if cause.code() in _LEADERLESS:
        remedy = "A partition has no leader: start the broker that holds it, or wait until another one takes over"
        return ServiceUnwellError("kafka", address, f"topic {topic!r}: {cause.str()}", remedy)
    return ServiceDownError("kafka", address, cause.str() or cause.name())
