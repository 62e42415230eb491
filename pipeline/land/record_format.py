"""The format of a stream's records with what it needs: the registry's client, or the schema's file."""

from __future__ import annotations

import threading
from pathlib import Path

from contract.errors import StreamFileError
from contract.stream import Stream
from pipeline.land.formats.avro.plan import planned
from pipeline.land.formats.avro.schema import MOST_BYTES, AvroSchema, UnreadableSchemaError
from pipeline.land.formats.avro.written import schema_in_file
from pipeline.land.formats.value_format import Schemas
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.registry_client import RegistrySettings
from pipeline.land.schema_registry import SchemaRegistry
from pipeline.stream_file import line_of_key


def record_format(
    stream: Stream, stream_path: str, stop: threading.Event | None = None
) -> tuple[WholeRecords, SchemaRegistry | None]:
    """Return the format of the stream's records, and the registry that it waits for until ``stop`` is set.

    Raises
    ------
    StreamFileError: the file of the schema cannot be read, or the columns cannot hold what it says.
    SwatheError: the registry does not answer, refuses us, or is none.
    """
    records = stream.records
    in_file = None if records.schema_file is None else _schema_in_file(stream, stream_path)
    registry = None
    if records.format == "avro" and records.schema_registry is not None:
        registry = SchemaRegistry(records.schema_registry, RegistrySettings(), stop)
        # What is wrong at the start is said at once; later it is waited for.
        registry.check()
    return WholeRecords(stream, Schemas(registry, in_file)), registry


def _schema_in_file(stream: Stream, stream_path: str) -> AvroSchema:
    named = str(stream.records.schema_file)
    beside = Path(stream_path).parent / named
    try:
        with (beside if beside.exists() else Path(named)).open("rb") as file:
            schema = schema_in_file(file.read(MOST_BYTES + 1))
        planned(schema, stream)
    except OSError as error:
        said = f"cannot be read: {error.strerror} (looked for beside the stream file, and in {Path.cwd()})"
        raise _refused(stream_path, named, said) from error
    except UnreadableSchemaError as error:
        raise _refused(stream_path, named, str(error)) from error
    return schema


def _refused(stream_path: str, named: str, said: str) -> StreamFileError:
    line = line_of_key(stream_path, "records", "schema_file")
    return StreamFileError(stream_path, line, f"records.schema_file: {named!r}: {said}")
