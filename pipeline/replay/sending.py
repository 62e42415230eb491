"""Sends rows, and counts what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contract.errors import ServiceDownError, SourceFileError
from contract.origin import HEADER
from contract.stream import Stream
from pipeline.fault import fault_point
from pipeline.replay.position import SentRow
from pipeline.replay.rows import OnBad

_POLL_EVERY = 1_000
_FLUSH_S = 120.0
# What Kafka's format adds to key, value and header of a record that is alone in its batch, at most.
_ENVELOPE_BYTES = 61 + 40 + len(HEADER)


@dataclass(frozen=True)
class Limits:
    """What a record may have: bytes in the topic (None: not known), and bytes of its value in landing."""

    topic: str
    record_bytes: int | None
    value_bytes: int

    def refusal(self, value_bytes: int, other_bytes: int) -> str | None:
        """Return why a record of so many bytes cannot be used, or None."""
        size = value_bytes + other_bytes + _ENVELOPE_BYTES
        if self.record_bytes is not None and size > self.record_bytes:
            return (
                f"as a record the row has {size:,} bytes, and topic {self.topic!r} takes {self.record_bytes:,}: raise "
                f"its `max.message.bytes` (the broker's default is `message.max.bytes`)"
            )
        if value_bytes > self.value_bytes:
            return (
                f"as a record the row has {value_bytes:,} bytes, and landing would reject more than "
                f"{self.value_bytes:,}: raise `rejects.max_record_bytes` in the stream file"
            )
        return None


def limits_of(stream: Stream, record_bytes: int | None) -> Limits:
    """Return the limits for records of ``stream`` in a topic that takes ``record_bytes``."""
    return Limits(stream.topic, record_bytes, stream.rejects.max_record_bytes)


@dataclass
class Sending:
    """Sends rows of the file ``source`` (its id in headers), of which the topic has all before ``next_rows``."""

    producer: Producer
    limits: Limits
    source: str
    path: str
    next_rows: Sequence[int]
    on_bad: OnBad
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
        key = b"%d" % number
        reason = self.limits.refusal(len(sent.value), len(key) + len(header)) or self._produce(
            sent.value, key, lane, header, timestamp_ms
        )
        if reason is not None:
            self.on_bad(SourceFileError(self.path, sent.row.line, None, f"{reason}; or leave it out with --skip-bad"))
            return
        self._sent_to[lane] += 1
        self.sent += 1
        if self.sent % _POLL_EVERY == 0:
            self.producer.poll(0)
            fault_point("replay-thousand")

    def _produce(self, value: bytes, key: bytes, lane: int, header: bytes, timestamp_ms: int) -> str | None:
        """Queue a record; return why the client takes none of this size, or None."""
        deadline = time.monotonic() + _FLUSH_S
        headers: list[tuple[str, str | bytes | None]] = [(HEADER, header)]
        while True:
            try:
                self.producer.produce(
                    self.limits.topic, value, key, lane,
                    on_delivery=self._delivered, headers=headers, timestamp=timestamp_ms,
                )  # fmt: skip
            except BufferError:
                if time.monotonic() > deadline:
                    raise ServiceDownError("kafka", self.limits.topic, "no row was acknowledged in time") from None
                self.producer.poll(0.05)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                return f"as a record the row has {len(value):,} bytes, more than `SWATHE_KAFKA_MESSAGE_MAX_BYTES` says"
            else:
                return None

    def _delivered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        if error is not None:
            self.failed += 1
            self.first_failure = self.first_failure or error.str()

    def finish(self) -> int:
        """Wait for the acknowledgements; return how many rows have none."""
        return self.producer.flush(_FLUSH_S) + self.failed
