"""What a stream file says of its topic's records: their format, and where the schema of binary ones is."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from contract.file_format import Delimiter, Mark
from contract.sections import Section
from contract.uri import without_credentials

ROW: Final = "after"
"""What holds the row in a change event."""
OP: Final = "op"
"""What says in a change event what became of the row."""
WRAPPER: Final = "payload"
"""What holds the event in a record that brings its schema."""

RecordFormatName = Literal["json", "avro", "csv"]

_OF_CSV = ("delimiter", "quote", "decimal", "thousands")


def _no_protobuf(given: Any) -> Any:
    if isinstance(given, str) and given.strip().lower() == "protobuf":
        raise ValueError(
            "protobuf records are not read: let the producer, Kafka Connect or ksqlDB write them as Avro or as JSON"
        )
    return given


def _registry_address(url: str) -> str:
    shown = without_credentials(url)
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError as error:
        raise ValueError(f"{shown!r} is no address of a registry: {error}") from error
    if "@" in parts.netloc:
        raise ValueError(
            f"{shown!r} had credentials in it: they go into SWATHE_SCHEMA_REGISTRY_USERNAME and "
            f"SWATHE_SCHEMA_REGISTRY_PASSWORD, never into a stream file"
        )
    # Python takes spaces and line ends out of an address, or lets them be; a client would ask for another.
    is_written = not any(letter.isspace() or not letter.isprintable() for letter in url)
    is_whole = parts.scheme in {"http", "https"} and parts.hostname and not (parts.query or parts.fragment)
    if not (is_written and is_whole and has_port):
        raise ValueError(f"{shown!r} is no address of a registry, as http://127.0.0.1:8081 is")
    return url.rstrip("/")


class Records(Section):
    """How the value of a record is written. It is no part of a train key: what has landed is a row, whatever it was."""

    format: Annotated[RecordFormatName, BeforeValidator(_no_protobuf)] = Field(
        default="json", description="what the value of a record is"
    )
    schema_registry: Annotated[str, AfterValidator(_registry_address)] | None = Field(
        default=None, description="values begin with a zero byte and the id, of four bytes, of a schema that is there"
    )
    schema_file: str | None = Field(default=None, description="path of the Avro schema of records without an id")
    delimiter: Delimiter = Field(default=",", description="of CSV lines")
    quote: Annotated[str, Field(min_length=1, max_length=1)] = Field(default='"', description="of CSV lines")
    decimal: Mark = Field(default=".", description="what stands before a number's fraction, in CSV lines")
    thousands: Mark | None = Field(default=None, description="what stands between a number's thousands, in CSV lines")

    tombstones: Literal["skip", "reject"] = Field(
        default="reject", description="what becomes of records that have a key and no value"
    )
    envelope: Literal["debezium"] | None = Field(
        default=None, description="what stands around a row: of a change event, the columns are in `after`"
    )

    @model_validator(mode="after")
    def _keys_fit_the_format(self) -> Records:
        if self.format != "csv" and (found := [key for key in _OF_CSV if key in self.model_fields_set]):
            raise ValueError(f"`{found[0]}` is of CSV lines, and `format` is {self.format}")
        if self.format == "csv" and self.schema_registry is not None:
            raise ValueError("`schema_registry` is of Avro and JSON records: CSV lines have no schema")
        if self.format != "avro" and self.schema_file is not None:
            raise ValueError(f"`schema_file` is of Avro records, and `format` is {self.format}")
        if self.format == "avro" and self.schema_registry is None and self.schema_file is None:
            raise ValueError(
                "Avro records are read by a schema: `schema_registry` says where the producer's registry is, "
                "or `schema_file` which file has the schema"
            )
        if self.format == "csv" and self.envelope is not None:
            raise ValueError("`envelope` is of JSON and Avro records: a CSV line holds none")
        if self.decimal == self.thousands:
            raise ValueError(f"`decimal` and `thousands` are both {self.decimal!r}")
        if self.quote == self.delimiter or self.quote in "\r\n":
            raise ValueError(f"`quote` {self.quote!r} cannot stand around cells between {self.delimiter!r}")
        return self

    @property
    def skips_tombstones(self) -> bool:
        """Whether records with a key and no value are skipped: behind a delete of a change event they are its echo."""
        return self.tombstones == "skip" or (self.envelope is not None and "tombstones" not in self.model_fields_set)

    @property
    def plain_json(self) -> bool:
        """Whether records are JSON alone, as replay sends them."""
        return self.format == "json" and self.schema_registry is None
