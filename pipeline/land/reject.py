"""A record that is no row, and the object that keeps it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

_REJECTS_SCHEMA = pa.schema(
    [
        pa.field("_partition", pa.int32(), nullable=False),
        pa.field("_offset", pa.int64(), nullable=False),
        pa.field("_timestamp", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("_key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("reason", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Reject:
    """A record that is no row, as its rejects object keeps it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    reason: str

    @property
    def size_bytes(self) -> int:
        """Bytes that it keeps in memory."""
        return len(self.key or b"") + len(self.value or b"")


def encode_rejects(lane: int, rejects: Sequence[Reject]) -> bytes:
    """Return rejected records as a Parquet file: coordinates, raw bytes, reason."""
    table = pa.table(
        {
            "_partition": pa.array([lane] * len(rejects), pa.int32()),
            "_offset": pa.array([reject.offset for reject in rejects], pa.int64()),
            "_timestamp": pa.array([reject.timestamp_ms for reject in rejects], pa.int64()).cast(
                pa.timestamp("ms", tz="UTC")
            ),
            "_key": pa.array([reject.key for reject in rejects], pa.binary()),
            "value": pa.array([reject.value for reject in rejects], pa.binary()),
            "reason": pa.array([reject.reason for reject in rejects], pa.string()),
        },
        schema=_REJECTS_SCHEMA,
    )
    body = io.BytesIO()
    pq.write_table(table, body, compression="zstd")
    return body.getvalue()
