"""Topics that others fill: records made of real data files, in the forms that topics have."""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.schema_registry import RunningRegistry

PARTITIONS = 3
Record = tuple[bytes | None, bytes | None]
"""Key and value."""


def fill(services: Mapping[str, str], topic: str, records: Sequence[Record]) -> None:
    """Make ``topic`` and send ``records`` to its partitions in turn."""
    address: dict[str, str | int | float | bool] = {"bootstrap.servers": services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]}
    admin = AdminClient(address)
    admin.create_topics([NewTopic(topic, PARTITIONS)])[topic].result(60)
    producer = Producer({**address, "acks": "all", "linger.ms": 5})
    for number, (key, value) in enumerate(records):
        producer.produce(topic, value, key, number % PARTITIONS)
        producer.poll(0)
    assert producer.flush(60) == 0


def features(file: Path) -> list[dict[str, Any]]:
    """Return the features of GeoJSON."""
    found: list[dict[str, Any]] = json.loads(file.read_text())["features"]
    return found


def nested(file: Path) -> list[Record]:
    """Return a record of nested JSON for each feature of GeoJSON."""
    return [(each["id"].encode(), json.dumps(each).encode()) for each in features(file)]


def csv_lines(file: Path) -> list[bytes]:
    """Return a line of CSV for each row of a CSV file, without the header."""
    return [*map(_line, _table(file)[1:])]


def _table(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8-sig") as text:
        return list(csv.reader(text))


def _line(cells: Sequence[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue().encode()


def change_events(file: Path) -> list[Record]:
    """Return what Debezium writes of a table, of the rows of a CSV file: each made, some changed, some deleted.

    Behind a delete is a tombstone.
    """
    header, *rows = _table(file)
    numbers = [all(map(_is_number, filter(None, cells))) for cells in zip(*rows, strict=True)]
    found: list[Record] = []
    for number, cells in enumerate(rows):
        row = {
            name: (float(cell) if number_like else cell) if cell else None
            for name, cell, number_like in zip(header, cells, numbers, strict=True)
        }
        found.append(_event(header, "c", None, row, number))
        if number % 7 == 0:
            changed = row | {"comment": "seen again"}
            found.append(_event(header, "u", row, changed, number))
        if number % 11 == 0:
            key, event = _event(header, "d", row, None, number)
            found += [(key, event), (key, None)]
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _event(
    header: Sequence[str], op: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, number: int
) -> Record:
    at = 1_700_000_000_000 + number * 1000
    payload = {
        "before": before, "after": after, "op": op, "ts_ms": at, "transaction": None,
        "source": {"connector": "postgresql", "db": "plants", "table": "units", "ts_ms": at - 20, "lsn": 1000 + number},
    }  # fmt: skip
    key = {"payload": {"id": (after or before or {})["id"]}}
    schema = {"type": "struct", "name": "units.Envelope", "fields": [{"field": name} for name in header]}
    return json.dumps(key).encode(), json.dumps({"schema": schema, "payload": payload}).encode()


_QUAKE = {
    "type": "record",
    "name": "Quake",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "seen", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "mag", "type": ["null", "double"], "default": None},
        {"name": "tsunami", "type": "int"},
        {"name": "network", "type": {"type": "enum", "name": "Network", "symbols": []}},
        {"name": "place", "type": ["null", {"type": "record", "name": "Place", "fields": [
            {"name": "words", "type": "string"},
            {"name": "at", "type": {"type": "array", "items": "double"}},
        ]}]},
    ],
}  # fmt: skip


def avro(file: Path, topic: str, registry: RunningRegistry) -> list[Record]:
    """Return a record for each feature of GeoJSON in Avro, framed with the id of its schema at ``registry``."""
    found = features(file)
    networks = sorted({each["properties"]["net"] for each in found})
    schema = json.loads(json.dumps(_QUAKE))
    schema["fields"][4]["type"]["symbols"] = networks
    number = registry.register(f"{topic}-value", schema)
    parsed = fastavro.parse_schema(schema)
    return [(None, struct.pack(">bI", 0, number) + _body(parsed, quake)) for quake in quakes(found)]


def quakes(found: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what the Avro record of each feature holds."""
    for each in found:
        told = each["properties"]
        yield {
            "id": each["id"], "seen": told["time"], "mag": told["mag"], "tsunami": told["tsunami"],
            "network": told["net"], "place": {"words": told["place"], "at": each["geometry"]["coordinates"]},
        }  # fmt: skip


def _body(schema: Any, quake: Mapping[str, Any]) -> bytes:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, schema, quake)
    return written.getvalue()
