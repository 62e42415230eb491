"""The stream file's column types as Arrow types."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from contract.batch import KEY, OFFSET, PARTITION, TIMESTAMP
from contract.column_types import decimal_digits
from contract.stream import Stream
from contract.stream_sections import Column

ARROW_TYPES: dict[str, pa.DataType] = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    # Spark reads microseconds; it refuses nanoseconds.
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "binary": pa.binary(),
}
_NAMES = {found: kind for kind, found in ARROW_TYPES.items()}


def arrow_type(kind: str) -> pa.DataType:
    """Return a column type as Arrow has it."""
    digits = decimal_digits(kind)
    return ARROW_TYPES[kind] if digits is None else pa.decimal128(*digits)


def column_type_of(found: pa.DataType) -> str | None:
    """Return what a stream file calls an Arrow type, None for one that it does not have."""
    if pa.types.is_decimal128(found):
        return f"decimal({found.precision},{found.scale})"
    return _NAMES.get(found)


def schema_of(columns: Mapping[str, Column]) -> pa.Schema:
    """Return ``columns``, all nullable: what is required is checked row by row."""
    return pa.schema([pa.field(name, arrow_type(column.type)) for name, column in columns.items()])


def stream_schema(stream: Stream) -> pa.Schema:
    """Return the stream's own columns."""
    return schema_of(stream.columns)


def part_schema(stream: Stream) -> pa.Schema:
    """Return the columns of a part: the stream's own, then the record's coordinates."""
    coordinates = [
        pa.field(PARTITION, pa.int32(), nullable=False),
        pa.field(OFFSET, pa.int64(), nullable=False),
        pa.field(TIMESTAMP, pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field(KEY, pa.binary()),
    ]
    return pa.schema([*stream_schema(stream), *coordinates])
