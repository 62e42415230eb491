"""Numbers of more than 64 bits in bytes that were read: fastavro drops what is beyond, and a row would have another.

Nine bytes with the highest bit set have to follow each other before there can be one; text that is not Latin has such
too, so that only the schema tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipeline.land.formats.avro.schema import AvroSchema, Node, kind

LONGEST_VARINT: Final = 10
_MAY_BE_LONG: Final = re.compile(rb"[\x80-\xff]{9}")
_SIZES: Final[Mapping[str, int]] = {"null": 0, "boolean": 1, "float": 4, "double": 8}


class LongNumberError(Exception):
    """A number has more than 64 bits."""


def refuse_long_numbers(schema: AvroSchema, node: Node, body: bytes, at: int, end: int) -> None:
    """Look through the value of ``node`` that was read from ``body`` between ``at`` and ``end``.

    Raises
    ------
    LongNumberError: it has such a number.
    """
    if not body.isascii() and _MAY_BE_LONG.search(body, at, end):
        _Walk(schema, body, at).value(node)


class _Walk:
    def __init__(self, schema: AvroSchema, body: bytes, at: int) -> None:
        self._schema, self._body, self._at = schema, body, at

    def value(self, node: Node) -> None:
        """Go behind a value of ``node``."""
        found = self._schema.resolved(node)
        of = kind(found)
        if of == "union":
            self.value(found[self._number()])
        elif of in {"record", "error"}:
            for each in found["fields"]:
                self.value(each["type"])
        elif of in {"array", "map"}:
            self._items(found["items" if of == "array" else "values"], has_names=of == "map")
        elif of in {"int", "long", "enum"}:
            self._number()
        elif of in {"string", "bytes"}:
            self._go_on(self._number())
        else:
            self._go_on(int(found["size"]) if of == "fixed" else _SIZES[of])

    def _items(self, items: Node, *, has_names: bool) -> None:
        while count := self._number():
            if count < 0:
                # The block's bytes stand before it.
                self._number()
            for _ in range(abs(count)):
                if has_names:
                    self._go_on(self._number())
                self.value(items)

    def _go_on(self, size: int) -> None:
        self._at += size

    def _number(self) -> int:
        found = shift = 0
        while True:
            byte = self._body[self._at]
            self._at += 1
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if found >= 1 << 64 or shift > 7 * LONGEST_VARINT:
            raise LongNumberError
        return (found >> 1) ^ -(found & 1)
