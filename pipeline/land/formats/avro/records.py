"""Avro records become Arrow rows: each is read for itself, by the schema it was written by, and its columns as one.

A body is read from its own bytes and has to end with them, so row k is record k. What a column cannot hold is found by
halving, as in JSON; the records at fault are the rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from contract import record_sections
from contract.stream import Stream
from pipeline.columns import schema_of
from pipeline.land.formats import debezium
from pipeline.land.formats.avro.decoded import Decoded, decoded, one_record
from pipeline.land.formats.avro.one_value import NotOneRecordError
from pipeline.land.formats.avro.plan import Plan, planned
from pipeline.land.formats.avro.schema import AvroSchema, UnreadableSchemaError
from pipeline.land.formats.avro.values import Values, python_values
from pipeline.land.formats.format import NONE, ParsedValues, RejectedRecord
from pipeline.land.formats.near_names import why_no_column
from pipeline.land.origins import Longs

LONGEST_REASON = 300
# Garbage behind a zero byte is an id, and each id that is new a question.
_QUESTIONERS: Final = 8
_EVENT: Final = frozenset({(record_sections.OP,), (record_sections.ROW,)})
_UNREADABLE = (ValueError, TypeError, ArithmeticError, NotImplementedError)
"""What Arrow and Python raise for a value that is not of a column's type."""


class UnframedError(Exception):
    """A value does not begin as those of its stream do; the message says how it begins."""


class Written(Protocol):
    """By which schema a value was written, and where its body begins."""

    reading: AvroSchema | None
    """The schema that people read by, where that is another."""

    head_bytes: int
    """How many bytes of a value say that."""

    def schema_of(self, head: bytes) -> int:
        """Return the number of the schema that values which begin with ``head`` were written by.

        Raises
        ------
        UnframedError: it does not say.
        """
        ...

    def bodies(self, values: Sequence[bytes]) -> Sequence[bytes]:
        """Return ``values`` without what says of which schema they are."""
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
    records: Decoded
    indexes: Longs

    def kept(self, rows: Longs) -> _Read:
        """Return those of numbers ``rows`` alone."""
        return _Read(self.plan, self.records.kept(rows), self.indexes[rows])


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
        indexes: list[Longs] = []
        ignored, strangers, deletes = 0, list[int](), list[Longs]()
        by_schema = self._by_schema(values, rejected)
        faults = self._asked(by_schema)
        for number, places in by_schema.items():
            if number in faults:
                rejected += [RejectedRecord(place, faults[number]) for place in places.tolist()]
                continue
            schema, plan = self._plans[number]
            read = self._read(schema, plan, values, places, rejected)
            if self._is_event:
                read, gone = _of_events(read, rejected)
                deletes.append(gone)
            table, kept = self._rows(read, rejected)
            tables.append(table)
            indexes.append(kept)
            ignored += plan.ignored_keys * len(kept)
            strangers += kept.tolist() if plan.strange else []
        rejected.sort(key=lambda record: record.index)
        rows, order = self._in_order(tables, indexes)
        gone = np.sort(np.concatenate([NONE, *deletes]))
        return ParsedValues(rows, order, rejected, ignored, tuple(sorted(strangers)), skipped=gone, deletes=gone)

    def why_no_column(self, value: bytes) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        try:
            schema, _ = self.plan(self.written.schema_of(value[: self.written.head_bytes]))
            (body,) = self.written.bodies([value])
            found = one_record(schema, body)
        except (UnframedError, UnreadableSchemaError, NotOneRecordError):
            return None
        record = debezium.ROW.of(debezium.event_of(found)) if self._is_event else found
        outer = int(self._is_event)
        names = [str(path.steps[outer]) for path in self.stream.value_paths.values() if len(path.steps) > outer]
        return why_no_column(record, names) if isinstance(record, dict) else None

    @property
    def _is_event(self) -> bool:
        return self.stream.records.envelope is not None

    def _by_schema(self, values: Sequence[bytes], rejected: list[RejectedRecord]) -> dict[int, Longs]:
        """Return which values are of which schema; most often, all are of one."""
        heads = list(map(itemgetter(slice(self.written.head_bytes)), values))
        numbers: dict[bytes, int] = {}
        faults: dict[bytes, str] = {}
        for head in dict.fromkeys(heads):
            try:
                numbers[head] = self.written.schema_of(head)
            except UnframedError as error:
                faults[head] = str(error)
        if len(numbers) == 1 and not faults:
            return dict.fromkeys(numbers.values(), np.arange(len(values)))
        found: dict[int, list[int]] = {}
        for place, head in enumerate(heads):
            if head in faults:
                rejected.append(RejectedRecord(place, faults[head]))
            else:
                found.setdefault(numbers[head], []).append(place)
        return {number: np.array(places, dtype=np.int64) for number, places in found.items()}

    def _asked(self, numbers: Collection[int]) -> dict[int, str]:
        """Have all schemas of ``numbers`` planned, several at once; return why those that are not cannot be."""
        new = [number for number in numbers if number not in self._plans]
        if len(new) > 1:
            with ThreadPoolExecutor(min(_QUESTIONERS, len(new)), "ask") as pool:
                said = list(pool.map(self._why_no_plan, new))
        else:
            said = list(map(self._why_no_plan, new))
        return {number: reason for number, reason in zip(new, said, strict=True) if reason is not None}

    def _why_no_plan(self, number: int) -> str | None:
        try:
            self.plan(number)
        except UnreadableSchemaError as error:
            return str(error)
        return None

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
        self, schema: AvroSchema, plan: Plan, values: Sequence[bytes], places: Longs, rejected: list[RejectedRecord]
    ) -> _Read:
        mine = values if len(places) == len(values) else [values[place] for place in places.tolist()]
        wanted = plan.wanted | (_EVENT if self._is_event else frozenset())
        records, rows, faults = decoded(schema, self.written.bodies(mine), wanted)
        for row, said in faults.items():
            reason = f"not of its schema: {said}{self.written.hint(mine[row])}"
            rejected.append(RejectedRecord(int(places[row]), _shortened(reason)))
        return _Read(plan, records, places[rows])

    def _rows(self, read: _Read, rejected: list[RejectedRecord]) -> tuple[pa.Table, Longs]:
        """Return the rows of what was read; a second reading is without what a column cannot hold."""
        schema = schema_of(self.stream.value_columns)
        for _ in range(2):
            bad: dict[int, str] = {}
            columns = [self._column(name, read, bad) for name in schema.names]
            if not bad:
                break
            rejected += [RejectedRecord(int(read.indexes[row]), reason) for row, reason in bad.items()]
            read = read.kept(np.array([row for row in range(read.records.count) if row not in bad], dtype=np.int64))
        return pa.Table.from_arrays(columns, schema=schema), read.indexes

    def _column(self, name: str, read: _Read, bad: dict[int, str]) -> pa.Array:
        values = read.plan.values(name, read.records)
        try:
            return read.plan.column(name, values)
        except _UNREADABLE:
            for row, reason in _faults(lambda some: read.plan.column(name, some), values):
                bad.setdefault(row, _shortened(f"not of the schema: column {name!r}: {reason}"))
            return pa.nulls(len(values), read.plan.types[name])

    def _in_order(self, tables: list[pa.Table], indexes: list[Longs]) -> tuple[pa.Table, Longs]:
        order = np.concatenate([NONE, *indexes])
        if not tables:
            return schema_of(self.stream.value_columns).empty_table(), order
        if len(tables) == 1:
            return tables[0], order
        by_place = np.argsort(order)
        return pa.concat_tables(tables).take(pa.array(by_place)), order[by_place]


def _of_events(read: _Read, rejected: list[RejectedRecord]) -> tuple[_Read, Longs]:
    """Return the records that are change events which say a row, and the indexes of deletes."""
    said = read.records.values((record_sections.OP,))
    ops = pa.array([op if isinstance(op, str) else None for op in python_values(said)], pa.string())
    has_row = read.records.there((record_sections.ROW,))
    keep, gone = debezium.sorted_out(pa.chunked_array([ops]), has_row, read.indexes, rejected)
    return read.kept(np.flatnonzero(keep)), gone


def _faults(read: Callable[[Values], pa.Array], values: Values) -> list[tuple[int, str]]:
    """Return which of ``values`` cannot be read, and why, by halving."""
    found: list[tuple[int, str]] = []
    pieces = [(0, len(values))]
    while pieces:
        start, stop = pieces.pop()
        try:
            read(values[start:stop])
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
