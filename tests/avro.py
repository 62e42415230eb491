"""Avro records as producers write them, and a registry that is a dictionary."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import fastavro

from pipeline.land.formats.avro.schema import UnreadableSchemaError
from pipeline.land.registry_client import RegisteredSchema


def written(schema: Any, record: Any) -> bytes:
    """Return ``record`` as the body of an Avro record."""
    file = io.BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(schema), record)
    return file.getvalue()


def framed(number: int, body: bytes) -> bytes:
    """Return ``body`` behind Confluent's framing."""
    return b"\0" + number.to_bytes(4, "big") + body


@dataclass
class MemoryRegistry:
    """Schemas by their ids, as a registry has them."""

    schemas: dict[int, Any] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def schema(self, number: int) -> RegisteredSchema:
        """Return the schema of id ``number``."""
        self.asked.append(number)
        if number not in self.schemas:
            raise UnreadableSchemaError("the registry does not know it")
        return RegisteredSchema(json.dumps(self.schemas[number]))
