"""The flights as Avro, as bodies of a schema that lies in a file beside the stream file."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import fastavro
import orjson

from bench.landing.records import STREAM_FILE, flights
from pipeline.stream_file import load_stream

SCHEMA_FILE: Final = "flight.avsc"
# Whose arrays and maps are read one record after the other.
NESTED_FILE: Final = "flight-with-array.avsc"
_TYPES: Final[dict[str, Any]] = {
    "int32": "int", "int64": "long", "float64": "double", "string": "string",
    "timestamp": {"type": "long", "logicalType": "timestamp-millis"},
}  # fmt: skip


def avro_schema(*, array: bool = False) -> dict[str, Any]:
    """Return the flights' schema: every field null or a value; with ``array``, one more of that type."""
    columns = load_stream(STREAM_FILE).columns
    fields: list[dict[str, Any]] = [
        {"name": name, "type": ["null", _TYPES[column.type]]} for name, column in columns.items()
    ]
    more = [{"name": "tags", "type": {"type": "array", "items": "string"}, "default": []}] if array else []
    return {"type": "record", "name": "Flight", "fields": [*fields, *more]}


def write_schemas(directory: Path) -> None:
    """Write both schemas into ``directory``."""
    (directory / SCHEMA_FILE).write_text(json.dumps(avro_schema()))
    (directory / NESTED_FILE).write_text(json.dumps(avro_schema(array=True)))


def avro_flights(*, array: bool = False) -> list[bytes]:
    """Return the 336,776 flights as Avro."""
    columns = load_stream(STREAM_FILE).columns
    times = [name for name, column in columns.items() if column.type == "timestamp"]
    schema = fastavro.parse_schema(avro_schema(array=array))
    found = []
    for record in map(orjson.loads, flights()):
        for name in times:
            record[name] = datetime.fromisoformat(record[name]) if record[name] else None
        file = io.BytesIO()
        fastavro.schemaless_writer(file, schema, record)
        found.append(file.getvalue())
    return found
