"""Records of a topic to be looked at: from all of its partitions, and from both ends of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaException

from contract.errors import ServiceDownError
from pipeline.land.topic import TIMEOUT_S, Topic, make_consumer, watermarks
from pipeline.replay.records_between import records_between

MOST_BYTES: Final = 2**28
"""Bytes of keys and values that are held at once."""
_GROUP = "swathe-describe"
_AT_ONCE = 1_000


@dataclass
class Sample:
    """Values and keys of records, partition by partition and in order; ``total`` is how many offsets the topic has."""

    topic: str
    total: int = 0
    partitions: int = 0
    passed: int = 0
    """Offsets between both ends of a partition, which were not looked at."""
    values: list[bytes | None] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    is_heavy: bool = False
    """Whether fewer were looked at than asked for, because they are long."""

    @property
    def is_whole(self) -> bool:
        """Whether these are all records of the topic: not each offset has one."""
        return not self.passed

    def take(
        self, records: Iterable[tuple[bytes | None, bytes | None]], count: int, room: int,
        progress: Callable[[int], None],
    ) -> int:  # fmt: skip
        """Keep ``records``, ``count`` of them, while ``room`` bytes take them; return how many did not."""
        for place, (value, key) in enumerate(records):
            room -= len(value or b"") + len(key or b"")
            if room < 0 and place:
                self.is_heavy = True
                return count - place
            self.values.append(value)
            self.keys.append(key)
            progress(1)
        return 0


def shares(counts: Sequence[int], most: int) -> list[int]:
    """Return how many of ``most`` records to read of each partition: as many, as far as its count of them goes."""
    found = [0] * len(counts)
    left, filled = most, [lane for lane, count in enumerate(counts) if count]
    for done, lane in enumerate(sorted(filled, key=counts.__getitem__)):
        found[lane] = min(counts[lane], max(2, left // (len(filled) - done)))
        left -= found[lane]
    return found


def sample_of(
    topic: str, most: int, settings: Mapping[str, str], progress: Callable[[int], None] = lambda _: None
) -> Sample:
    """Return some ``most`` records of ``topic``.

    Raises
    ------
    SwatheError: the broker does not answer, or has no such topic.
    """
    address = settings["bootstrap.servers"]
    _, partitions = Topic(topic, settings).describe()
    consumer = make_consumer(settings, _GROUP)
    found = Sample(topic, partitions=partitions)
    try:
        bounds = [watermarks(consumer, topic, lane, address) for lane in range(partitions)]
        found.total = sum(high - low for low, high in bounds)
        chosen = shares([high - low for low, high in bounds], most)
        for lane, (low, high) in enumerate(bounds):
            stretches = _stretches(low, high, chosen[lane])
            found.passed += high - low - sum(end - first for first, end in stretches)
            for first, end in stretches:
                room = MOST_BYTES * (end - first) // max(1, sum(chosen))
                records = records_between(consumer, topic, lane, first, end, timeout_s=TIMEOUT_S, at_once=_AT_ONCE)
                pairs = ((record.value(), record.key()) for record in records)
                found.passed += found.take(pairs, end - first, room, progress)
    except KafkaException as error:
        raise ServiceDownError("kafka", address, error.args[0].str()) from error
    finally:
        consumer.close()
    return found


def _stretches(low: int, high: int, most: int) -> list[tuple[int, int]]:
    """Return where to read of a partition with offsets ``low`` to ``high``: its beginning and its end."""
    if high - low <= most:
        return [(low, high)]
    half = most // 2
    return [(low, low + half), (high - (most - half), high)]
