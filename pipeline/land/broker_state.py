"""Whether the broker answers, as librdkafka says it: for the progress line and the metrics."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError

logger = logging.getLogger(__name__)


class BrokerState:
    """Told of errors by librdkafka's thread, and of answers by the consumer's."""

    def __init__(self) -> None:
        self.failure: str | None = None
        """What the broker last failed with, None while it answers."""

    def note_error(self, error: KafkaError) -> None:
        """Take librdkafka's word that no broker can be reached; single connections that break are none of it."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self.failure is None:
            self.failure = error.str()
            logger.warning("kafka does not answer, landing waits; %s", error.str())

    def note_answer(self) -> None:
        """Take note that the broker has answered."""
        if self.failure is not None:
            self.failure = None
            logger.warning("kafka answers again")
