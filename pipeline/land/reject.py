"""A record that is no row, and the object that keeps it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.record_headers import UNREADABLE, Headers

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


HEADERS: Final = "headers"
"""A column of rejects that have some, null where they are unreadable; objects of earlier landing have none."""
_HEADERS_TYPE = pa.list_(pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.binary())]))


@dataclass(frozen=True)
class Reject:
    """A record that is no row, as its rejects object keeps it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    reason: str
    headers: Headers = ()

    @property
    def size_bytes(self) -> int:
        """Bytes that it keeps in memory."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


def encode_rejects(lane: int, rejects: Sequence[Reject]) -> bytes:
    """Return rejected records as a Parquet file: coordinates, raw bytes, reason, and headers where there are some."""
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
    if any(reject.headers or reject.headers is UNREADABLE for reject in rejects):
        kept = [None if reject.headers is UNREADABLE else _pairs(reject.headers) for reject in rejects]
        table = table.append_column(HEADERS, pa.array(kept, _HEADERS_TYPE))
    body = io.BytesIO()
    pq.write_table(table, body, compression="zstd")
    return body.getvalue()


def _pairs(headers: Headers) -> list[dict[str, str | bytes | None]]:
    return [{"name": name, "value": value} for name, value in headers]
