"""The records that are landed: flights as JSON, sent again until there are enough."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from pipeline.replay.place import default_path
from pipeline.replay.source import read_rows
from pipeline.stream_file import load_stream

STREAM_FILE = "streams/flights.yaml"


def flights() -> list[bytes]:
    """Return the 336,776 flights as JSON records."""
    stream = load_stream(STREAM_FILE)

    def stop(error: Exception) -> None:
        raise error

    return [orjson.dumps(row.values) for row in read_rows(default_path(stream, STREAM_FILE), stream, stop)]


def endless(records: list[bytes]) -> Iterator[bytes]:
    """Yield ``records`` again and again."""
    return itertools.cycle(records)


def fill_topic(
    kafka: Mapping[str, str], topic: str, count: int, partitions: int = 1, records: list[bytes] | None = None
) -> float:
    """Make ``topic`` with ``count`` of ``records``, by default flights as JSON; return their mean size in bytes."""
    make_topic(kafka, topic, partitions)
    return send(kafka, topic, itertools.islice(endless(records or flights()), count), partitions) / count


def make_topic(kafka: Mapping[str, str], topic: str, partitions: int = 1) -> None:
    """Make ``topic``, whose records stay."""
    admin = AdminClient(dict(kafka))
    admin.create_topics([NewTopic(topic, partitions, config={"retention.ms": "-1"})])[topic].result(20)


def send(kafka: Mapping[str, str], topic: str, records: Iterable[bytes], partitions: int = 1) -> int:
    """Send ``records``, until all are acknowledged; return their bytes."""
    producer = Producer({**kafka, "linger.ms": 50, "compression.type": "lz4", "queue.buffering.max.messages": 200_000})
    size = 0
    for number, value in enumerate(records):
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, b"%d" % number, number % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        raise RuntimeError("records were not acknowledged")
    return size
