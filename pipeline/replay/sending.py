"""Sends rows, and counts what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message, Producer

from contract.errors import ServiceDownError
from contract.origin import HEADER
from pipeline.fault import fault_point
from pipeline.replay.position import SentRow

_POLL_EVERY = 1_000
_FLUSH_S = 120.0


@dataclass
class Sending:
    """Sends rows of the file ``source`` (its id in headers), of which the topic has all before ``next_rows``."""

    producer: Producer
    topic: str
    source: str
    next_rows: Sequence[int]
    keyed: bool = False
    """Whether a column gives the keys; a row's number is its key otherwise."""
    sent: int = 0
    already_there: int = 0
    failed: int = 0
    first_failure: str = ""
    _sent_to: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Count from 0, whatever was sent before: so no count is ever skipped (``pipeline/land/origins.py``)."""
        self._sent_to = [0] * len(self.next_rows)

    def holds(self, number: int) -> bool:
        """Count and tell whether the topic holds row ``number`` already."""
        if number < self.next_rows[number % len(self.next_rows)]:
            self.already_there += 1
            return True
        return False

    def send(self, sent: SentRow, timestamp_ms: int = 0) -> None:
        """Queue a row; a timestamp of 0 lets the producer stamp it."""
        partitions = len(self.next_rows)
        number = sent.row.number
        lane = number % partitions
        facts = (self.source.encode(), number, partitions, sent.digest.hex().encode(), self._sent_to[lane])
        header = b"2 %b %d %d %b %d" % facts
        self._produce(sent.value, sent.key if self.keyed else b"%d" % number, lane, header, timestamp_ms)
        self._sent_to[lane] += 1
        self.sent += 1
        if self.sent % _POLL_EVERY == 0:
            self.producer.poll(0)
            fault_point("replay-thousand")

    def _produce(self, value: bytes, key: bytes | None, lane: int, header: bytes, timestamp_ms: int) -> None:
        """Queue a record; wait while the queue is full."""
        deadline = time.monotonic() + _FLUSH_S
        headers: list[tuple[str, str | bytes | None]] = [(HEADER, header)]
        while True:
            try:
                self.producer.produce(
                    self.topic, value, key, lane,
                    on_delivery=self._delivered, headers=headers, timestamp=timestamp_ms,
                )  # fmt: skip
            except BufferError:
                if time.monotonic() > deadline:
                    raise ServiceDownError("kafka", self.topic, "no row was acknowledged in time") from None
                self.producer.poll(0.05)
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        if error is not None:
            self.failed += 1
            self.first_failure = self.first_failure or error.str()

    def finish(self) -> int:
        """Wait for the acknowledgements; return how many rows have none."""
        return self.producer.flush(_FLUSH_S) + self.failed
