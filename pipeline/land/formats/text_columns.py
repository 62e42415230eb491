"""Text of records becomes columns, by the same reading as the cells of a data file."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

from contract.stream_sections import Column
from pipeline.cells import Reader, Value
from pipeline.land.formats.wire_columns import WireColumns


class TextColumn:
    """One column of text that ``read`` reads, which raises ValueError for what is none of its type's."""

    def __init__(self, name: str, column: Column, read: Reader) -> None:
        self._name, self._read = name, read
        self._wire = WireColumns({name: column})
        self._type = self._wire.wire_schema(as_text=True).field(name).type

    def values(self, texts: Sequence[str | None]) -> tuple[pa.ChunkedArray, list[tuple[int, str]]]:
        """Return the column, null for what cannot be read, and the place and the fault of each such text."""
        faults: list[tuple[int, str]] = []
        found: list[Value | Decimal] = []
        for place, text in enumerate(texts):
            try:
                found.append(None if text is None else self._on_the_wire(self._read(text)))
            except (ValueError, OverflowError) as error:
                found.append(None)
                faults.append((place, f"column {self._name!r}: {error}"[:300]))
        column = pa.chunked_array([pa.array(found, self._type)])
        table = self._wire.read(pa.table({self._name: column}), as_text=True)
        return table.column(0), faults

    def _on_the_wire(self, value: Value) -> Value | Decimal:
        return Decimal(str(value)) if value is not None and pa.types.is_decimal(self._type) else value
