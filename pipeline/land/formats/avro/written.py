"""Where the schema of an Avro record is: in a registry, by the id that it begins with, or in a file."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter, methodcaller
from typing import Protocol

import fastavro.schema

from pipeline.land.formats import framing
from pipeline.land.formats.avro.records import UnframedError
from pipeline.land.formats.avro.schema import AvroSchema, UnreadableSchemaError, read_schema


class Registered(Protocol):
    """The text of a schema, and of those that it refers to, in the order of their use."""

    @property
    def text(self) -> str:
        """The schema's own text."""
        ...

    @property
    def referred(self) -> tuple[str, ...]:
        """The others' texts."""
        ...


class Registry(Protocol):
    """What is asked of a schema registry."""

    def schema(self, number: int) -> Registered:
        """Return the schema of id ``number``; raises ``UnreadableSchemaError`` where there is none."""
        ...


class ByRegistry:
    """Records that begin with a zero byte and the id of their schema."""

    head_bytes = framing.HEAD_BYTES

    def __init__(self, registry: Registry, reading: AvroSchema | None = None) -> None:
        self.reading = reading
        self._registry = registry
        self._unreadable: dict[int, str] = {}
        """What the registry has, and nobody can read by."""

    def schema_of(self, head: bytes) -> int:
        """Return the id in ``head``."""
        if (found := framing.schema_id(head)) is None:
            raise UnframedError(framing.why_unframed(head))
        return found

    def bodies(self, values: Sequence[bytes]) -> Sequence[bytes]:
        """Return what stands behind the ids."""
        return list(map(itemgetter(slice(framing.HEAD_BYTES, None)), values))

    def schema(self, number: int) -> AvroSchema:
        """Return the schema of id ``number``."""
        if number in self._unreadable:
            raise UnreadableSchemaError(self._unreadable[number])
        found = self._registry.schema(number)
        try:
            return read_schema(found.text, found.referred)
        except UnreadableSchemaError as error:
            self._unreadable[number] = str(error)
            raise

    def shown(self, number: int) -> str:
        """Return what to call the schema in a message."""
        return f"schema id {number}: "

    def hint(self, value: bytes) -> str:  # noqa: ARG002 - the framing was right
        """Return what may be meant by a value that cannot be read: nothing else."""
        return ""


class ByFile:
    """Records of one schema, that of a file: nothing before them, or Avro's framing of single objects."""

    head_bytes = 0

    def __init__(self, schema: AvroSchema) -> None:
        self.reading: AvroSchema | None = None
        self._schema = schema
        digest = fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(schema.physical), "CRC-64-AVRO")
        self._single = framing.SINGLE_OBJECT + bytes.fromhex(digest)

    def schema_of(self, head: bytes) -> int:  # noqa: ARG002 - there is one schema
        """Return the file's only number."""
        return 0

    def bodies(self, values: Sequence[bytes]) -> Sequence[bytes]:
        """Return ``values``, without the framing of single objects where it is of this schema."""
        return list(map(methodcaller("removeprefix", self._single), values))

    def schema(self, number: int) -> AvroSchema:  # noqa: ARG002 - there is one schema
        """Return the file's schema."""
        return self._schema

    def shown(self, number: int) -> str:  # noqa: ARG002 - there is one schema
        """Return nothing: there is one schema."""
        return ""

    def hint(self, value: bytes) -> str:
        """Return what may be meant by a value that cannot be read."""
        if value.startswith(framing.SINGLE_OBJECT) and not value.startswith(self._single):
            return "; it begins with c3 01, Avro's framing of single objects, with the fingerprint of another schema"
        found = framing.why_framed(value)
        return f"; {found}" if found else ""


def schema_in_file(body: bytes) -> AvroSchema:
    """Return the schema that a file's ``body`` holds, as JSON.

    Raises
    ------
    UnreadableSchemaError: it holds none.
    """
    if body[:4] == b"Obj\x01":
        raise UnreadableSchemaError("it is a file of Avro records; what is needed is its schema alone, as JSON (.avsc)")
    return read_schema(body)
