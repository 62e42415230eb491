"""Avro records become Arrow rows: each is read for itself, by the schema it was written by, and its columns as one.

A body is read from its own bytes and has to end with them, so row k is record k. What a column cannot hold is found by
halving, as in JSON; the records at fault are the rejects.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import fastavro
import numpy as np
import pyarrow as pa

from contract import record_sections
from contract.stream import Stream
from pipeline.columns import schema_of
from pipeline.land.formats import debezium
from pipeline.land.formats.avro.plan import Plan, planned
from pipeline.land.formats.avro.schema import AvroSchema, UnreadableSchemaError
from pipeline.land.formats.format import NONE, ParsedValues, RejectedRecord
from pipeline.land.formats.near_names import why_no_column
from pipeline.land.origins import Longs

LONGEST_REASON = 300
_UNREADABLE = (ValueError, TypeError, ArithmeticError, NotImplementedError)
"""What Arrow and Python raise for a value that is not of a column's type."""

_OP, _ROW = record_sections.OP, record_sections.ROW

Record = Mapping[str, Any]


class UnframedError(Exception):
    """A value does not begin as those of its stream do; the message says how it begins."""


class Written(Protocol):
    """By which schema a value was written, and where its body begins."""

    reading: AvroSchema | None
    """The schema that people read by, where that is another."""

    def schema_of(self, value: bytes) -> int:
        """Return the number of the schema that ``value`` was written by.

        Raises
        ------
        UnframedError: it does not say.
        """
        ...

    def body(self, value: bytes) -> bytes:
        """Return ``value`` without what says of which schema it is."""
        ...

    def schema(self, number: int) -> AvroSchema:
        """Return a schema by its number; waits where it has to be asked for.

        Raises
        ------
        UnreadableSchemaError: there is none of that number, or it cannot be read by.
        """
        ...

    def shown(self, number: int) -> str:
        """Return how a message about a schema begins."""
        ...

    def hint(self, value: bytes) -> str:
        """Return what to add to a message about a value that is none of its schema."""
        ...


@dataclass(frozen=True)
class _Read:
    """Records of one schema that were read, and which value each is."""

    plan: Plan
    records: list[Record]
    indexes: list[int]


@dataclass
class AvroRecords:
    """Avro as the format of the values of one stream's records; any number of threads may share it."""

    stream: Stream
    written: Written
    _plans: dict[int, tuple[AvroSchema, Plan]] = field(init=False, default_factory=dict)
    _refused: dict[int, str] = field(init=False, default_factory=dict)
    """Schemas that were read, and that no row is made of."""

    def parse(self, values: Sequence[bytes]) -> ParsedValues:
        """Return the rows and the rejects of ``values``. Never raises for what is in them."""
        rejected: list[RejectedRecord] = []
        tables: list[pa.Table] = []
        indexes: list[int] = []
        ignored, strangers, deletes = 0, list[int](), list[Longs]()
        for number, places in self._by_schema(values, rejected).items():
            try:
                schema, plan = self.plan(number)
            except UnreadableSchemaError as error:
                rejected += [RejectedRecord(place, str(error)) for place in places]
                continue
            read = self._read(schema, plan, values, places, rejected)
            if self.stream.records.envelope is not None:
                read, gone = _of_events(read, rejected)
                deletes.append(gone)
            table, kept = self._rows(read, rejected)
            tables.append(table)
            indexes += kept
            ignored += plan.ignored_keys * len(kept)
            strangers += kept if plan.strange else []
        rejected.sort(key=lambda record: record.index)
        rows, order = self._in_order(tables, indexes)
        gone = np.sort(np.concatenate([NONE, *deletes]))
        return ParsedValues(rows, order, rejected, ignored, tuple(sorted(strangers)), skipped=gone, deletes=gone)

    def why_no_column(self, value: bytes) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        try:
            schema, _ = self.plan(self.written.schema_of(value))
            found = _record(schema.physical, self.written.body(value))
        except (UnframedError, UnreadableSchemaError, _NotOneRecordError):
            return None
        is_event = self.stream.records.envelope is not None
        record = debezium.ROW.of(debezium.event_of(found)) if is_event else found
        names = [str(path.steps[is_event]) for path in self.stream.value_paths.values() if len(path.steps) > is_event]
        return why_no_column(record, names) if isinstance(record, dict) else None

    def _by_schema(self, values: Sequence[bytes], rejected: list[RejectedRecord]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        of = self.written.schema_of
        for place, value in enumerate(values):
            try:
                found.setdefault(of(value), []).append(place)
            except UnframedError as error:
                rejected.append(RejectedRecord(place, str(error)))
        return found

    def plan(self, number: int) -> tuple[AvroSchema, Plan]:
        """Return a schema by its number, and how its records become rows; waits where it has to be asked for.

        Raises
        ------
        UnreadableSchemaError: there is none, or no row can be made of what it says.
        """
        if (found := self._plans.get(number)) is None:
            if number in self._refused:
                raise UnreadableSchemaError(self._refused[number])
            found = self._plans[number] = self._planned(number)
        return found

    def _planned(self, number: int) -> tuple[AvroSchema, Plan]:
        said = self.written.shown(number)
        try:
            schema = self.written.schema(number)
        except UnreadableSchemaError as error:
            raise UnreadableSchemaError(_shortened(f"{said}{error}")) from error
        try:
            return schema, planned(schema, self.stream, self.written.reading)
        except UnreadableSchemaError as error:
            self._refused[number] = _shortened(f"{said}{error}")
            raise UnreadableSchemaError(self._refused[number]) from error

    def _read(
        self, schema: AvroSchema, plan: Plan, values: Sequence[bytes], places: Sequence[int],
        rejected: list[RejectedRecord],
    ) -> _Read:  # fmt: skip
        records: list[Record] = []
        indexes: list[int] = []
        physical, body = schema.physical, self.written.body
        for place in places:
            try:
                records.append(_record(physical, body(values[place])))
                indexes.append(place)
            except _NotOneRecordError as error:
                hint = self.written.hint(values[place])
                rejected.append(RejectedRecord(place, _shortened(f"not of its schema: {error}{hint}")))
        return _Read(plan, records, indexes)

    def _rows(self, read: _Read, rejected: list[RejectedRecord]) -> tuple[pa.Table, list[int]]:
        """Return the rows of what was read; a second reading is without what a column cannot hold."""
        schema = schema_of(self.stream.value_columns)
        for _ in range(2):
            bad: dict[int, str] = {}
            columns = [self._column(name, read, bad) for name in schema.names]
            if not bad:
                break
            rejected += [RejectedRecord(read.indexes[row], reason) for row, reason in bad.items()]
            kept = [row for row in range(len(read.records)) if row not in bad]
            read = _Read(read.plan, [read.records[row] for row in kept], [read.indexes[row] for row in kept])
        return pa.Table.from_arrays(columns, schema=schema), read.indexes

    def _column(self, name: str, read: _Read, bad: dict[int, str]) -> pa.Array:
        try:
            return read.plan.column(name, read.records)
        except _UNREADABLE:
            for row, reason in _faults(lambda some: read.plan.column(name, some), read.records):
                bad.setdefault(row, _shortened(f"not of the schema: column {name!r}: {reason}"))
            return pa.nulls(len(read.records), read.plan.types[name])

    def _in_order(self, tables: list[pa.Table], indexes: list[int]) -> tuple[pa.Table, Longs]:
        order = np.array(indexes, dtype=np.int64)
        if not tables:
            return schema_of(self.stream.value_columns).empty_table(), order
        if len(tables) == 1:
            return tables[0], order
        by_place = np.argsort(order)
        return pa.concat_tables(tables).take(pa.array(by_place)), order[by_place]


def _of_events(read: _Read, rejected: list[RejectedRecord]) -> tuple[_Read, Longs]:
    """Return the records that are change events which say a row, and the indexes of deletes."""
    ops = [op if isinstance(op := each.get(_OP), str) else None for each in read.records]
    has_row = np.array([isinstance(each.get(_ROW), dict) for each in read.records], dtype=np.bool_)
    indexes = np.array(read.indexes, dtype=np.int64)
    keep, gone = debezium.sorted_out(pa.chunked_array([pa.array(ops, pa.string())]), has_row, indexes, rejected)
    kept = np.flatnonzero(keep).tolist()
    return _Read(read.plan, [read.records[row] for row in kept], [read.indexes[row] for row in kept]), gone


class _NotOneRecordError(Exception):
    """A body is not one record of its schema; the message says why."""


def _record(physical: Any, body: bytes) -> Record:
    file = io.BytesIO(body)
    try:
        found = fastavro.schemaless_reader(file, physical, None)
    except EOFError as error:
        raise _NotOneRecordError("the body ends in the middle of the record") from error
    except UnicodeDecodeError as error:
        raise _NotOneRecordError("a string of it is not UTF-8") from error
    except IndexError as error:
        raise _NotOneRecordError("it has a branch of a union, or a symbol, that its schema does not have") from error
    except Exception as error:  # whatever fastavro makes of bytes that mean nothing
        raise _NotOneRecordError(f"{type(error).__name__}: {error}") from error
    if left := len(body) - file.tell():
        raise _NotOneRecordError(f"{left} bytes are left behind the record")
    return found  # type: ignore[return-value]  # the schema is of a record


def _faults(read: Callable[[Sequence[Record]], pa.Array], records: Sequence[Record]) -> list[tuple[int, str]]:
    """Return which of ``records`` cannot be read, and why, by halving."""
    found: list[tuple[int, str]] = []
    pieces = [(0, len(records))]
    while pieces:
        start, stop = pieces.pop()
        try:
            read(records[start:stop])
        except _UNREADABLE as error:
            if stop - start == 1:
                found.append((start, str(error)))
            else:
                half = (start + stop) // 2
                pieces += [(start, half), (half, stop)]
    return found


def _shortened(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 2]} …"
