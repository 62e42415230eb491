"""Many Avro records of one schema read at once, a field of all of them after the other; numpy does what a loop would.

Each record has a place of its own in the bytes, which only grows, and which has to be its end when all fields are read:
one that runs into its neighbour, or stops short, is at fault, and nothing of it is used. Fields that are not alike in
all records (arrays, maps, unions of more than null and one type) are read by fastavro, each at its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contract.record_path import Step
from pipeline.land.formats.avro.long_numbers import LONGEST_VARINT
from pipeline.land.formats.avro.one_value import NO_BRANCH, NOT_UTF8, TOO_LONG, TRUNCATED, NotOneRecordError, one_value
from pipeline.land.formats.avro.schema import AvroSchema, Node, Part, kind
from pipeline.land.origins import Longs

Steps = tuple[Step, ...]
Mask = npt.NDArray[np.bool_]


@dataclass
class Columns:
    """Fields of records as Arrow arrays, null where the field, or what it lies in, is null.

    ``faults`` says of records which are none why; the arrays hold nothing of use there.
    """

    fields: Mapping[Steps, pa.Array]
    there: Mapping[Steps, Mask]
    """Which records have what lies behind the steps of a record in them."""
    faults: Mapping[int, str]
    loose: Mapping[Steps, Sequence[Any]] = field(default_factory=dict)
    """What fastavro has read, null where there is nothing."""


def read_columns(schema: AvroSchema, bodies: Sequence[bytes], wanted: frozenset[Steps]) -> Columns:
    """Return the fields ``wanted`` of records whose bytes are ``bodies``. Never raises for what is in them."""
    reading = _Reading(schema, bodies, wanted)
    reading.read(schema.root, (), None)
    return reading.finished()


class _Reading:
    def __init__(self, schema: AvroSchema, bodies: Sequence[bytes], wanted: frozenset[Steps]) -> None:
        self._schema, self._wanted, self._bodies = schema, wanted, bodies
        self._count = len(bodies)
        lengths = np.fromiter(map(len, bodies), np.int64, self._count)
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths
        self._at = self._starts.copy()
        # Whoever runs beyond the last record reads zeros, and is found out.
        self._bytes = np.frombuffer(b"".join((*bodies, bytes(LONGEST_VARINT))), np.uint8)
        self._last = len(self._bytes) - LONGEST_VARINT
        self._faults: dict[int, str] = {}
        self._fields: dict[Steps, pa.Array] = {}
        self._there: dict[Steps, Mask] = {}
        self._loose: dict[Steps, list[Any]] = {}

    def finished(self) -> Columns:
        for places, said in ((self._at > self._ends, TRUNCATED), (self._at < self._ends, "")):
            for row in np.flatnonzero(places).tolist():
                left = f"{self._ends[row] - self._at[row]} bytes are left behind the record"
                self._faults.setdefault(row, said or left)
        return Columns(self._fields, self._there, self._faults, self._loose)

    def read(self, node: Node, steps: Steps, rows: Longs | None) -> None:
        """Read one field of ``rows``, None for all of them."""
        if (loose := self._schema.loose.get(steps)) is not None:
            self._one_after_the_other(loose, steps, rows)
            return
        found = self._schema.resolved(node)
        of = kind(found)
        if of == "union":
            found, rows = self._branch(found, rows)
            of = kind(found)
        if of in {"record", "error"}:
            self._there[steps] = self._mask(rows)
            for field in found["fields"]:
                self.read(field["type"], (*steps, field["name"]), rows)
        elif of in {"string", "bytes"}:
            self._text(of, steps, rows, self._varints(rows))
        elif of == "fixed":
            size = int(found["size"])
            self._text(of, steps, rows, np.full(self._rows(rows), size, dtype=np.int64))
        elif of in {"int", "long"}:
            self._keep(steps, rows, self._varints(rows))
        elif of == "enum":
            self._symbols(found["symbols"], steps, rows)
        elif of != "null":
            self._plain(of, steps, rows)

    def _one_after_the_other(self, part: Part, steps: Steps, rows: Longs | None) -> None:
        values: list[Any] = [None] * self._count
        at = self._at - self._starts
        for row in range(self._count) if rows is None else rows.tolist():
            try:
                values[row], at[row] = one_value(self._schema, part, self._bodies[row], int(at[row]))
            except NotOneRecordError as error:
                self._faults.setdefault(row, str(error))
        self._at = self._starts + at
        if any(wanted[: len(steps)] == steps for wanted in self._wanted):
            self._loose[steps] = values

    def _branch(self, union: Sequence[Node], rows: Longs | None) -> tuple[Node, Longs]:
        """Return the branch of a union that is not null, and the rows that are on it."""
        chosen = self._varints(rows)
        value = next((at for at, each in enumerate(union) if kind(self._schema.resolved(each)) != "null"), 0)
        all_rows = np.arange(self._count) if rows is None else rows
        self._fault(all_rows[(chosen != 0) & (chosen != 1)], NO_BRANCH)
        return self._schema.resolved(union[value]), all_rows[chosen == value]

    def _varints(self, rows: Longs | None) -> Longs:
        """Return one number of each of ``rows``, and go on behind them."""
        at = np.minimum(self._at if rows is None else self._at[rows], self._last)
        first = self._bytes[at]
        found = (first & 0x7F).astype(np.uint64)
        length = np.ones(len(at), dtype=np.int64)
        longer = np.flatnonzero(first > 0x7F)
        for place in range(1, LONGEST_VARINT):
            if not len(longer):
                break
            more = self._bytes[np.minimum(at[longer] + place, len(self._bytes) - 1)]
            found[longer] |= (more & 0x7F).astype(np.uint64) << np.uint64(7 * place)
            length[longer] += 1
            # The last byte has one bit left to say.
            longer = longer[more > (0x7F if place < LONGEST_VARINT - 1 else 1)]
        self._fault(longer if rows is None else rows[longer], TOO_LONG)
        self._go_on(rows, length)
        unsigned = found >> np.uint64(1)
        numbers: Longs = unsigned.astype(np.int64) ^ -(found & np.uint64(1)).astype(np.int64)
        return numbers

    def _text(self, of: str, steps: Steps, rows: Longs | None, lengths: Longs) -> None:
        at = self._at if rows is None else self._at[rows]
        room = (self._ends if rows is None else self._ends[rows]) - at
        beyond = (lengths < 0) | (lengths > room)
        if beyond.any():
            places = np.flatnonzero(beyond)
            self._fault(places if rows is None else rows[places], TRUNCATED)
            lengths = np.where(beyond, 0, lengths)
        if steps in self._wanted:
            self._fields[steps] = self._texts(of, at, lengths, rows)
        self._go_on(rows, lengths)

    def _texts(self, of: str, at: Longs, lengths: Longs, rows: Longs | None) -> pa.Array:
        """Return texts: they, and what lies between two of them, are all bytes; Arrow copies every second."""
        if not len(at):
            return pa.nulls(self._count, pa.string() if of == "string" else pa.binary())
        begins = np.minimum(at, self._ends if rows is None else self._ends[rows])
        offsets = np.stack((begins, begins + lengths), axis=1).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._bytes)]
        pieces = pa.Array.from_buffers(pa.binary(), 2 * len(at) - 1, buffers)
        chosen = np.zeros(self._count, dtype=np.int64)
        chosen[slice(None) if rows is None else rows] = 2 * np.arange(len(at))
        found = pieces.take(pa.array(chosen, mask=None if rows is None else ~self._mask(rows)))
        return self._decoded(found) if of == "string" else found

    def _decoded(self, raw: pa.Array) -> pa.Array:
        found = raw.view(pa.string())
        try:
            found.validate(full=True)
        except pa.ArrowInvalid:
            texts = [None if each is None else _text(each) for each in raw.to_pylist()]
            bad = [row for row, each in enumerate(raw.is_valid().to_pylist()) if each and texts[row] is None]
            self._fault(np.array(bad, dtype=np.int64), NOT_UTF8)
            return pa.array(texts, pa.string())
        return found

    def _symbols(self, symbols: Sequence[str], steps: Steps, rows: Longs | None) -> None:
        found = self._varints(rows)
        beyond = np.flatnonzero((found < 0) | (found >= len(symbols)))
        self._fault(beyond if rows is None else rows[beyond], NO_BRANCH)
        found[beyond] = 0
        self._keep(steps, rows, found)
        if steps in self._wanted:
            self._fields[steps] = pa.array(symbols, pa.string()).take(self._fields[steps])

    def _plain(self, of: str, steps: Steps, rows: Longs | None) -> None:
        size, as_type = {"boolean": (1, "?"), "float": (4, "<f4"), "double": (8, "<f8")}[of]
        if steps in self._wanted:
            at = np.minimum(self._at if rows is None else self._at[rows], self._last)
            data = self._bytes[at[:, None] + np.arange(size)]
            # Any byte but zero is true.
            self._keep(steps, rows, (data != 0).reshape(-1) if of == "boolean" else data.view(as_type).reshape(-1))
        self._go_on(rows, np.full(self._rows(rows), size, dtype=np.int64))

    def _keep(self, steps: Steps, rows: Longs | None, values: npt.NDArray[np.generic]) -> None:
        if steps not in self._wanted:
            return
        if rows is None:
            self._fields[steps] = pa.array(values)
            return
        full = np.zeros(self._count, dtype=values.dtype)
        full[rows] = values
        self._fields[steps] = pa.array(full, mask=~self._mask(rows))

    def _mask(self, rows: Longs | None) -> Mask:
        if rows is None:
            return np.ones(self._count, dtype=np.bool_)
        there = np.zeros(self._count, dtype=np.bool_)
        there[rows] = True
        return there

    def _rows(self, rows: Longs | None) -> int:
        return self._count if rows is None else len(rows)

    def _go_on(self, rows: Longs | None, lengths: Longs) -> None:
        if rows is None:
            self._at = self._at + lengths
        else:
            self._at[rows] += lengths

    def _fault(self, rows: Longs, said: str) -> None:
        for row in rows.tolist():
            self._faults.setdefault(row, said)


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
