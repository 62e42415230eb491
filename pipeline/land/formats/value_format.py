"""Which format the values of a stream's records are of."""

from __future__ import annotations

from dataclasses import dataclass

from contract.stream import Stream
from pipeline.land.formats.avro.records import AvroRecords
from pipeline.land.formats.avro.schema import AvroSchema
from pipeline.land.formats.avro.written import ByFile, ByRegistry, Registry
from pipeline.land.formats.csv_records import CsvRecords
from pipeline.land.formats.format import ValueFormat
from pipeline.land.formats.framed_json import FramedJson
from pipeline.land.formats.json_records import JsonRecords


@dataclass(frozen=True)
class Schemas:
    """Where the schemas of binary records are: what the stream file names is there."""

    registry: Registry | None = None
    in_file: AvroSchema | None = None


def value_format(stream: Stream, schemas: Schemas | None = None) -> ValueFormat:
    """Return what reads the values of the stream's records.

    Raises
    ------
    ValueError: the records are of Avro, and ``schemas`` has none.
    """
    records = stream.records
    if records.format == "csv":
        return CsvRecords(stream)
    if records.format == "avro":
        return _avro(stream, schemas or Schemas())
    json = JsonRecords(stream.value_columns, stream.value_paths, is_event=records.envelope is not None)
    return json if records.schema_registry is None else FramedJson(json)


def _avro(stream: Stream, schemas: Schemas) -> AvroRecords:
    if schemas.registry is not None:
        return AvroRecords(stream, ByRegistry(schemas.registry, schemas.in_file))
    if schemas.in_file is None:
        raise ValueError(f"stream {stream.name!r} has Avro records, and no schemas are given")
    return AvroRecords(stream, ByFile(schemas.in_file))
