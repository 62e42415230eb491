"""A topic becomes a description: its records are looked at as landing reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import orjson

from contract.errors import ConfigurationError
from contract.record_path import RecordPath
from contract.record_sections import Records
from contract.sections import ModelSection
from contract.stream import Stream
from contract.stream_sections import Column, Cut, Rejects
from pipeline.describe.arrow_column import ArrowColumn
from pipeline.describe.avro_columns import AvroColumn, avro_columns, in_lists, schemas_of
from pipeline.describe.column_meaning import Meaning, meaning_of
from pipeline.describe.csv_lines import csv_columns
from pipeline.describe.describe_file import TableColumn, counted, finished, of_one_type
from pipeline.describe.description import DescribedColumn, Description
from pipeline.describe.names import column_names, stream_name
from pipeline.describe.nested import column_of, leaves_of
from pipeline.describe.sample import MOST_BYTES, Sample
from pipeline.describe.text_column import TextColumn
from pipeline.land.formats.debezium import event_of
from pipeline.land.formats.format import Chunk, ParsedValues
from pipeline.land.formats.framing import HEAD_BYTES, schema_id
from pipeline.land.record_format import record_format

Format = Literal["json", "avro", "csv"]
_MOSTLY: Final = 0.5
_MOST_RECORD_BYTES: Final = 2**24
_OPS: Final = frozenset("crud")


@dataclass(frozen=True)
class Told:
    """What the person says of the records; None is found."""

    format: Format | None = None
    schema_registry: str | None = None
    schema_file: str | None = None
    name: str | None = None


def description_of_topic(sample: Sample, told: Told) -> Description:
    """Return what a stream file says of the records in ``sample``.

    Raises
    ------
    ConfigurationError: there is none, they are of no format that is read, or their schemas are not told.
    """
    values = [value for value in sample.values if value is not None]
    if not values:
        raise ConfigurationError(f"topic {sample.topic!r} has no record with a value: there is nothing to describe")
    records = _records(values, told)
    if len(values) < len(sample.values):
        records["tombstones"] = "skip"
    if records.get("format") == "avro":
        found = _of_avro(sample, values, records, told)
    elif records.get("format") == "csv":
        found = _of_csv(sample, values, records, told)
    else:
        found = _of_json(sample, values, records, told)
    return found


def _records(values: Sequence[bytes], told: Told) -> dict[str, Any]:
    """Return the format of ``values``, by what most of them begin with."""
    framed = [value for value in values if schema_id(value) is not None]
    json = [value for value in values if value.lstrip()[:1] == b"{"]
    registry = {} if told.schema_registry is None else {"schema_registry": told.schema_registry}
    if told.format == "json":
        return registry
    if told.format is None and len(json) >= len(values) * _MOSTLY:
        return {}
    if len(framed) >= len(values) * _MOSTLY and told.format != "csv" and told.schema_file is None:
        if not registry:
            raise ConfigurationError(
                f"the records begin with Confluent framing, schema id {schema_id(framed[0])}: say where their schemas "
                f"are, --schema-registry http://…"
            )
        bare = framed[0][HEAD_BYTES:].lstrip()[:1] == b"{"
        return registry if bare and told.format is None else {"format": "avro", **registry}
    if told.schema_file is not None or told.format == "avro":
        if told.schema_file is None:
            raise ConfigurationError("Avro records are read by a schema: --schema-registry, or --schema-file")
        return {"format": "avro", "schema_file": told.schema_file}
    return {"format": "csv"}


def _of_json(sample: Sample, values: Sequence[bytes], records: dict[str, Any], told: Told) -> Description:
    head = HEAD_BYTES if "schema_registry" in records else 0
    objects = [found for value in values if isinstance(found := _json(value[head:]), dict)]
    if not objects:
        raise ConfigurationError(f"topic {sample.topic!r} has no JSON object among the {len(values):,} looked at")
    if _are_events(objects):
        records["envelope"] = "debezium"
        objects = [row for found in objects if isinstance(row := _event(found).get("after"), dict)]
    notes: list[str] = []
    leaves = leaves_of(objects, notes)
    faults = {str(leaf.path): leaf.fault for leaf in leaves if leaf.fault}
    usable = [leaf for leaf in leaves if leaf.fault is None]
    if not usable:
        raise ConfigurationError(f"topic {sample.topic!r}: no value in its records can be a column: {faults}"[:300])
    names = column_names(["_".join(map(str, leaf.path.steps)) for leaf in usable])
    columns: list[TableColumn] = []
    for leaf, name in zip(usable, names, strict=True):
        found = column_of(leaf)
        meaning = meaning_of(str(leaf.path), found, (".", None))
        if leaf.path != RecordPath((name,)):
            meaning.keys["path"] = str(leaf.path)
        missing = sum(value is None for value in leaf.values)
        columns.append(TableColumn(str(leaf.path), name, found, meaning, missing))
    columns = of_one_type(columns, faults)
    return _finished(sample, told, columns, len(objects), records=records, faults=faults, notes=notes)


def _json(value: bytes) -> object:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _event(found: Mapping[str, Any]) -> Mapping[str, Any]:
    event = event_of(found)
    return event if isinstance(event, Mapping) else {}


def _are_events(objects: Sequence[Mapping[str, Any]]) -> bool:
    """Whether most are Debezium's change events."""
    events = [
        event for event in map(_event, objects)
        if event.get("op") in _OPS and "after" in event and ("source" in event or "before" in event)
    ]  # fmt: skip
    return len(events) >= len(objects) * _MOSTLY and any(isinstance(event["after"], dict) for event in events)


def _of_avro(sample: Sample, values: Sequence[bytes], records: dict[str, Any], told: Told) -> Description:
    fields, faults, is_event = avro_columns(schemas_of(values, records))
    if is_event:
        records["envelope"] = "debezium"
    if not fields:
        raise ConfigurationError(f"topic {sample.topic!r}: no field of its schemas can be a column: {faults}"[:300])
    described = _of_fields(fields)
    rows = _landed(_stream(sample, described, records, [""]), values).rows
    is_there = {name: rows.column(name).null_count < rows.num_rows for name in rows.column_names}
    fields = in_lists(fields, is_there, faults)
    described = _of_fields(fields)
    columns: list[TableColumn] = []
    for field, own in zip(fields, described, strict=True):
        values_of = rows.column(field.name).combine_chunks()
        found = TextColumn(null_words=False) if field.type == "string" else ArrowColumn(values_of.type)
        found.add(values_of)
        meaning = Meaning(field.type, dict(own.keys), [], getattr(found, "low", None), getattr(found, "high", None))
        meaning.varies = getattr(found, "varies", True)
        columns.append(TableColumn(str(field.path), field.name, found, meaning, values_of.null_count))
    required = {field.name for field in fields if field.required}
    return _finished(sample, told, columns, rows.num_rows, records=records, faults=faults, required=required)


def _of_fields(fields: Sequence[AvroColumn]) -> list[DescribedColumn]:
    return [
        DescribedColumn(field.name, field.type, required=False, keys=_path(field.path, field.name)) for field in fields
    ]


def _path(path: RecordPath, name: str) -> dict[str, Any]:
    return {} if path == RecordPath((name,)) else {"path": str(path)}


def _of_csv(sample: Sample, values: Sequence[bytes], records: dict[str, Any], told: Told) -> Description:
    columns, rows, written, words, notes = csv_columns(values)
    return _finished(sample, told, columns, rows, records=records | written, notes=notes, words=words)


def _finished(
    sample: Sample, told: Told, columns: Sequence[TableColumn], rows: int, *, records: dict[str, Any],
    notes: Sequence[str] = (), faults: Mapping[str, str] | None = None, words: Sequence[str] = (),
    required: Collection[str] = (),
) -> Description:  # fmt: skip
    if sample.is_heavy:
        notes = [
            *notes,
            f"the records are long: {len(sample.values):,} were looked at, which are {MOST_BYTES >> 20} MiB",
        ]
    called = stream_name(told.name or sample.topic)
    what = f"{len(sample.values):,} of {sample.total:,} records of topic {sample.topic}"
    found = finished(
        columns, rows, sample.total, all_seen=sample.is_whole, name=called, topic=sample.topic, what=what,
        records=records, null_values=["", *words], notes=notes, not_columns=faults or {}, of_records=True,
    )  # fmt: skip
    if required:
        found = replace(found, columns=[replace(c, required=c.name in required) for c in found.columns])
    found = found if found.event_time else _with_record_time(found)
    values = [value for value in sample.values if value is not None]
    parsed = _landed(_stream(sample, found.columns, records, found.null_values), values)
    if parsed.rejected:
        reason = parsed.rejected[0].reason
        said = f"{counted(len(parsed.rejected), 'record')} of those looked at would be rejected; the first: {reason}"
        found = replace(found, notes=[*found.notes, said])
    return found


def _with_record_time(found: Description) -> Description:
    *_, name = column_names([*(column.name for column in found.columns), "record_time"])
    note = "no value says when; this is the record's own time, as Kafka has it"
    column = DescribedColumn(name, "timestamp", required=False, keys={"timestamp": True}, note=note)
    return replace(found, columns=[*found.columns, column], event_time=name)


def _stream(
    sample: Sample, columns: Sequence[DescribedColumn], records: Mapping[str, Any], null_values: Sequence[str]
) -> Stream:
    """Return the stream as far as landing reads records by it."""
    made = {
        column.name: Column.model_validate({"type": column.type, "required": column.required, **column.keys})
        for column in columns
    }
    return Stream(
        name="described", topic=sample.topic, columns=made, null_values=tuple(null_values), cut=Cut(rows=1),
        records=Records.model_validate(records), rejects=Rejects(max_record_bytes=_MOST_RECORD_BYTES),
        model=ModelSection(kind="none"),
    )  # fmt: skip


def _landed(stream: Stream, values: Sequence[bytes]) -> ParsedValues:
    reading, _ = record_format(stream, "")
    nothing: list[bytes | None] = [None] * len(values)
    return reading.parse(Chunk(values, nothing, [()] * len(values), np.zeros(len(values), np.int64)))
