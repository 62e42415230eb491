"""CSV lines as records: each is read for itself, its cells as a data file's, and then as the JSON that replay sends."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from contract.record_path import RecordPath
from contract.stream import Stream
from pipeline.cells import Reader, Value, reader
from pipeline.land.formats.format import ParsedValues, RejectedRecord
from pipeline.land.formats.framing import why_framed
from pipeline.land.formats.json_records import JsonRecords
from pipeline.numerals import Numerals

_LONGEST_REASON = 300
_DELIMITERS = frozenset(",;\t|")


@dataclass
class CsvRecords:
    """CSV lines as the format of the values of one stream's records; any number of threads may share it."""

    stream: Stream
    _json: JsonRecords = field(init=False)
    _readers: list[tuple[int, str, Reader]] = field(init=False)
    _cells: int = field(init=False)

    def __post_init__(self) -> None:
        """Find where in a line each column is: at the place that it says, or in the order of the columns."""
        columns = self.stream.value_columns
        self._json = JsonRecords(columns, {name: RecordPath((name,)) for name in columns})
        written = self.stream.records
        self._nulls = frozenset(self.stream.null_values)
        self._readers = []
        for order, (name, column) in enumerate(columns.items()):
            place = column.name_in_file - 1 if isinstance(column.name_in_file, int) else order
            numerals = Numerals(written.decimal, written.thousands, column.percent)
            self._readers.append((place, name, reader(column, numerals)))
        self._by_place = not columns or any(isinstance(column.name_in_file, int) for column in columns.values())
        self._cells = max((place for place, _, _ in self._readers), default=-1) + 1
        needed = (place for place, name, _ in self._readers if columns[name].required)
        self._least = max(needed, default=-1) + 1
        # Of cells, that is: the longest is as long as a record.
        csv.field_size_limit(max(csv.field_size_limit(), self.stream.rejects.max_record_bytes))

    def parse(self, values: Sequence[bytes]) -> ParsedValues:
        """Return the rows and the rejects of ``values``. Never raises for what is in them."""
        rejected: list[RejectedRecord] = []
        as_json: list[bytes] = []
        places: list[int] = []
        ignored = 0
        for place, value in enumerate(values):
            try:
                cells = self._line(value)
                as_json.append(orjson.dumps(self._row(cells)))
                places.append(place)
                ignored += max(0, len(cells) - self._cells)
            except ValueError as error:
                framed = why_framed(value)
                reason = f"{framed}; {error}" if framed else str(error)
                rejected.append(RejectedRecord(place, reason[:_LONGEST_REASON]))
        parsed = self._json.parse(as_json)
        rejected += [RejectedRecord(places[record.index], record.reason) for record in parsed.rejected]
        rejected.sort(key=lambda record: record.index)
        indexes = parsed.indexes.copy()
        indexes[:] = [places[index] for index in parsed.indexes.tolist()]
        return ParsedValues(parsed.rows, indexes, rejected, ignored)

    def why_no_column(self, value: bytes) -> str | None:  # noqa: ARG002 - a line names no columns
        """Return None: a line has no names that could be others."""
        return None

    def _line(self, value: bytes) -> list[str]:
        """Return the cells of a line; raises ValueError."""
        written = self.stream.records
        if not value:
            raise ValueError("empty: the record's value has no bytes")
        try:
            text = value.decode("utf-8")
            (cells,) = csv.reader([text], delimiter=written.delimiter, quotechar=written.quote, strict=True)
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from error
        except (csv.Error, ValueError) as error:
            raise ValueError(f"not one CSV line: {error}") from error
        if (fault := self._fault(cells)) is not None:
            raise ValueError(f"{fault}; the delimiter is {written.delimiter!r}")
        return cells

    def _fault(self, cells: Sequence[str]) -> str | None:
        """Return why a line of ``cells`` is none of the stream; what it lacks at its end may be null."""
        count = len(cells)
        if not count:
            return "the line has no cells"
        if count < self._least:
            return f"the line has {count} cells, and the first {self._least} are required"
        if count > self._cells and not self._by_place:
            return f"the line has {count} cells, and the columns are {self._cells}"
        if count == 1 < self._cells and _DELIMITERS - {self.stream.records.delimiter} & set(cells[0]):
            # Not a short line: another delimiter, and all would be in the first column.
            return f"the line is one cell, {cells[0][:40]!r}, and the columns are {self._cells}"
        return None

    def _row(self, cells: Sequence[str]) -> dict[str, Value]:
        row: dict[str, Value] = {}
        for place, name, read in self._readers:
            text = cells[place] if place < len(cells) else None
            try:
                row[name] = None if text is None or text in self._nulls else read(text)
            except (ValueError, OverflowError, ArithmeticError) as error:
                raise ValueError(f"column {name!r}: {error}") from error
        return row
