"""Rejected records are produced to `<topic>.dlq` too, after the part that names them has landed: at least once.

The group's offset is committed behind it. So a lane's next owner sends again what lies beyond the committed offset.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from contract.batch import Part
from contract.errors import ChainError
from pipeline.land.batches import Batches
from pipeline.land.patient_store import StoppedError
from pipeline.land.reject import Reject
from pipeline.land.rejected_records import rejects_in
from pipeline.land.topic import TIMEOUT_S, explain
from pipeline.object_store import ObjectStore
from pipeline.parquet_bytes import read_table

logger = logging.getLogger(__name__)

SUFFIX = ".dlq"
# With headers it stays below the broker's default of 1 MiB; the whole value is in the rejects object.
LONGEST_VALUE = 900_000
# Key, headers and Kafka's own bytes beside a value.
_ENVELOPE_BYTES = 4_096
_FLUSH_S = 1.0


class DeadLetters:
    """The dead letter topic of ``topic``."""

    def __init__(self, topic: str, settings: Mapping[str, str], stop: threading.Event) -> None:
        self._source = topic
        self._topic = topic + SUFFIX
        self._stop = stop
        self._failed: str | None = None
        logs = logging.getLogger("pipeline.land.librdkafka")
        common: dict[str, str | int | float | bool] = {"client.id": "swathe-land-dlq", **settings}
        admin = AdminClient(common, logger=logs)
        self._ensure_topic(admin, settings["bootstrap.servers"])
        self._longest_value = min(LONGEST_VALUE, max(0, self._record_bytes(admin) - _ENVELOPE_BYTES))
        # Nothing is given up while the broker is down: landing waits, as it does for the object store.
        fixed: dict[str, str | int | float | bool] = {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "message.timeout.ms": 0,
        }
        self._producer = Producer({**common, **fixed}, logger=logs)

    def send(self, lane: int, rejects: Iterable[Reject]) -> None:
        """Produce ``rejects`` and wait until the broker has them.

        Raises
        ------
        StoppedError: told to stop before that.
        ChainError: the broker refuses them.
        """
        for reject in rejects:
            self._produce(lane, reject)
        while self._producer.flush(_FLUSH_S):
            if self._stop.is_set():
                raise StoppedError
        if self._failed is not None:
            raise ChainError(f"topic {self._topic!r} refuses a rejected record: {self._failed}; land without --dlq")

    def send_from(self, store: ObjectStore, lane: int, part: Part) -> None:
        """Produce the rejects that the landed ``part`` names."""
        found = store.get(part.rejects.key) if part.rejects else None
        if found is None:
            return
        self.send(lane, rejects_in(read_table(found[0])))

    def _produce(self, lane: int, reject: Reject) -> None:
        value = reject.value
        headers: list[tuple[str, str | bytes | None]] = [
            ("topic", self._source),
            ("partition", str(lane)),
            ("offset", str(reject.offset)),
            ("reason", reject.reason),
        ]
        if value is not None and len(value) > self._longest_value:
            headers.append(("truncated", str(len(value))))
            value = value[: self._longest_value]
        key = f"{self._source}-{lane}-{reject.offset}"
        while True:
            try:
                self._producer.produce(self._topic, value, key, headers=headers, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(_FLUSH_S)
                if self._stop.is_set():
                    raise StoppedError from None
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        if error is not None:
            self._failed = error.str()

    def _ensure_topic(self, admin: AdminClient, address: str) -> None:
        made = admin.create_topics([NewTopic(self._topic, num_partitions=1)], operation_timeout=TIMEOUT_S)
        try:
            made[self._topic].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise explain(error, address, self._topic) from error

    def _record_bytes(self, admin: AdminClient) -> int:
        """Return the largest record that the topic takes; the broker's default where we may not ask."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, self._topic)
        try:
            found = admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
        except KafkaException as error:
            logger.warning("topic configuration not known; topic=%s reason=%s", self._topic, error.args[0].str())
            return LONGEST_VALUE + _ENVELOPE_BYTES
        return int(found["max.message.bytes"].value)


def parts_behind(batches: Batches, lane: int, unsealed: Sequence[Part], committed: int) -> list[Part]:
    """Return the lane's landed parts that end beyond offset ``committed``, in order."""
    parts = list(unsealed)
    number = batches.newest.batch if batches.newest else 0
    while number and (not parts or parts[0].first_offset > committed):
        held = next((found for found in batches.read(number).lanes if found.lane == lane), None)
        if held is None or held.next_offset <= committed:
            break
        parts = [*held.parts, *parts]
        number -= 1
    return [part for part in parts if part.next_offset > committed]
