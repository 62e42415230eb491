"""How many records of one's own lanes have not landed yet: for the progress line and the metrics."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from pipeline.land.broker_state import BrokerState
from pipeline.land.owned_lanes import OwnedLanes

LAG_EVERY_S = 1.0
ASK_S = 0.3


class Lag:
    """Measured by the consumer's thread, once a second; other threads read it."""

    def __init__(self, consumer: Consumer, topic: str, lanes: OwnedLanes, broker: BrokerState) -> None:
        self._consumer = consumer
        self._topic = topic
        self._lanes = lanes
        self._broker = broker
        self._measured = 0.0
        self.records: dict[int, int] = {}
        """Per lane of ours, the records that have not landed."""

    @property
    def total(self) -> int | None:
        """Over all of them; None where it is not known of any."""
        return sum(self.records.values()) if self.records else None

    def measure(self, seen: Collection[int]) -> None:
        """Measure, if a second has passed; ``seen`` are lanes that were ever ours, any of which can be asked for."""
        now = time.monotonic()
        if now - self._measured < LAG_EVERY_S:
            return
        self._measured = now
        if self._broker.failure is not None:
            self._ask_broker(seen)
        lag = {}
        for lane, landed_to in self._lanes.landed_to().items():
            # What the last fetch said; nothing is asked of the broker.
            _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, lane), cached=True)
            if high >= landed_to:
                lag[lane] = high - landed_to
        self.records = lag

    def _ask_broker(self, seen: Collection[int]) -> None:
        """Ask for anything: without new records, nothing else would tell that the broker is back."""
        for lane in list(seen)[:1]:
            with suppress(KafkaException):
                self._consumer.get_watermark_offsets(TopicPartition(self._topic, lane), timeout=ASK_S)
                self._broker.note_answer()
