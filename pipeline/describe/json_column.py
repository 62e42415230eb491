"""What a key holds in the objects of a JSON file: numbers as they are written, text, true and false."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipeline.describe.text_column import TextColumn


class JsonColumn:
    """The values under one key, as far as they were seen."""

    def __init__(self) -> None:
        self.text = TextColumn(null_words=False)
        self._flags = False
        self.is_nested = False
        """Whether it is a list in some objects, which is not looked into."""

    def add(self, values: Sequence[object], rows: int) -> None:
        """Count ``values`` of ``rows`` rows; null, and what is not there, is missing."""
        texts: list[str | None] = []
        for value in values:
            if isinstance(value, str):
                texts.append(value)
            elif isinstance(value, bool):
                self._flags = True
                texts.append("true" if value else "false")
            else:
                self.is_nested = self.is_nested or value is not None
        cells = pa.array(texts, pa.string())
        self.text.add(pa.concat_arrays([cells, pa.nulls(rows - len(cells), pa.string())]))

    @property
    def fault(self) -> str | None:
        """Why no type reads all of them."""
        if self.is_nested:
            return "it holds long lists, and a column of a file is one plain value"
        if self._flags and self.text.booleans is None:
            return "it holds true or false in some objects, and something else in others"
        return None

    @property
    def is_bool(self) -> bool:
        """Whether true or false are among its values, so that no other type reads them."""
        return self._flags
