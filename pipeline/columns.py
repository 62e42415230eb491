"""The stream file's column types as Arrow types."""

from __future__ import annotations

import pyarrow as pa

from contract.batch import KEY, OFFSET, PARTITION, TIMESTAMP
from contract.stream import ColumnType, Stream

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    # Spark reads microseconds; it refuses nanoseconds.
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def stream_schema(stream: Stream) -> pa.Schema:
    """Return the stream's own columns, all nullable: what is required is checked row by row."""
    return pa.schema([pa.field(name, ARROW_TYPES[column.type]) for name, column in stream.columns.items()])


def part_schema(stream: Stream) -> pa.Schema:
    """Return the columns of a part: the stream's own, then the record's coordinates."""
    coordinates = [
        pa.field(PARTITION, pa.int32(), nullable=False),
        pa.field(OFFSET, pa.int64(), nullable=False),
        pa.field(TIMESTAMP, pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field(KEY, pa.binary()),
    ]
    return pa.schema([*stream_schema(stream), *coordinates])
