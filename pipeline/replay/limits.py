"""How long a row may be: a property of the row alone, so that each run leaves out the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract.origin import HEADER, Origin
from contract.stream import Stream

_LONGEST_HEADER = Origin("0" * 16, 10**18 - 1, 10**9 - 1, "0" * 24, 10**18 - 1).header()
# What key, header and Kafka's format add to the value of a record that is alone in its batch, at most.
_OTHER_BYTES = 18 + len(HEADER) + len(_LONGEST_HEADER) + 61 + 40
# What the client takes where neither the topic's limit is known nor its own is set.
_CLIENT_BYTES = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a record may have: bytes in the topic and in the client (None: not known), bytes of its value in landing."""

    topic: str
    record_bytes: int | None
    client_bytes: int | None
    value_bytes: int

    def refusal(self, value_bytes: int, key_bytes: int = 0) -> str | None:
        """Return why a record with such a value, and with a key that a column gives, cannot be used, or None."""
        most = value_bytes + key_bytes + _OTHER_BYTES
        if self.record_bytes is not None and most > self.record_bytes:
            return (
                f"as a record the row has {most:,} bytes, and topic {self.topic!r} takes {self.record_bytes:,}: raise "
                f"its `max.message.bytes` (the broker's default is `message.max.bytes`)"
            )
        if self.client_bytes is not None and most > self.client_bytes:
            return f"as a record the row has {most:,} bytes, more than `SWATHE_KAFKA_MESSAGE_MAX_BYTES` says"
        if value_bytes > self.value_bytes:
            return (
                f"as a record the row has {value_bytes:,} bytes, and landing would reject more than "
                f"{self.value_bytes:,}: raise `rejects.max_record_bytes` in the stream file"
            )
        return None


def limits_of(stream: Stream, record_bytes: int | None, settings: Mapping[str, str]) -> Limits:
    """Return the limits for records of ``stream`` in a topic that takes ``record_bytes``."""
    told = settings.get("message.max.bytes", "")
    client_bytes = int(told) if told.isdecimal() else _CLIENT_BYTES if record_bytes is None else None
    return Limits(stream.topic, record_bytes, client_bytes, stream.rejects.max_record_bytes)
