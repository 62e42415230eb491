"""What stands before a record's body: Confluent's framing, a zero byte and an id; or Avro's, for single objects."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 5
LARGEST_ID: Final = 2**31 - 1
"""Registries count in 32 bits, with a sign."""
SINGLE_OBJECT: Final = b"\xc3\x01"


def schema_id(value: bytes) -> int | None:
    """Return the id that ``value`` is framed with; None where it is not framed."""
    return int.from_bytes(value[1:HEAD_BYTES], "big") if value[:1] == b"\0" and len(value) >= HEAD_BYTES else None


def why_unframed(value: bytes) -> str:
    """Return what to say of a value that should be framed, and is not."""
    if value[:1] == b"\0":
        return f"its value has {len(value)} bytes, and Confluent framing alone has {HEAD_BYTES}"
    if not value:
        return "empty: the record's value has no bytes"
    if value[:2] == SINGLE_OBJECT:
        return "its value begins with c3 01, Avro's framing of single objects, and not with Confluent's zero byte"
    begins = (
        "JSON, it seems"
        if value.lstrip(b" \t\r\n")[:1] in {b"{", b"["}
        else "no framing that a registry's clients write"
    )
    return f"unknown magic byte {value[0]:#04x}: Confluent framing begins with 0x00, and this is {begins}"


def why_framed(value: bytes) -> str | None:
    """Return what to say of a value that was not to be framed, and may be; None where it is not."""
    number = schema_id(value)
    if number is None or not 0 < number <= LARGEST_ID:
        return None
    return (
        f"the value begins with Confluent framing, schema id {number}: say `records.schema_registry` in the stream file"
    )
