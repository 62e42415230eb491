"""JSON records become Arrow rows, a chunk at a time, and row k is provably record k.

Arrow's reader takes lines, not records: one record may hold two lines or none, or borrow the start of its
neighbour. So an ordinal is written into each record, under a key that nobody outside this process knows,
and a chunk counts only if exactly the ordinals 0…n−1 come back, in order. A chunk that does not is halved
until the records at fault stand alone; those are the rejects.
"""

from __future__ import annotations

import logging
import operator
import random
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pj

from contract.column_types import family
from contract.record_path import NoPlaceError, RecordPath, kind_of
from contract.stream_sections import Column
from pipeline.columns import schema_of
from pipeline.land.formats.format import NONE, ParsedValues, RejectedRecord
from pipeline.land.formats.framing import why_framed
from pipeline.land.formats.json_layout import JsonLayout
from pipeline.land.formats.kept_digits import KeptDigits
from pipeline.land.formats.near_names import why_no_column
from pipeline.land.formats.wire_columns import UnreadableValueError, WireColumns
from pipeline.land.origins import Longs

logger = logging.getLogger(__name__)

_OPEN_BRACE, _BLANK = b"{ "
_FIRST_BYTE = operator.itemgetter(0)
# A longer chunk is parsed in pieces: ordinals have four places.
LONGEST_CHUNK = 10_000
_ORDINALS = np.frombuffer(b"".join(b"%4d" % ordinal for ordinal in range(LONGEST_CHUNK)), np.uint8).reshape(-1, 4)
_PLACES = np.arange(-5, -1)
"""Where these are, counted from the record's own brace."""
LONGEST_REASON = 300
# To count the keys that are no columns is to read a record again: of more than these, a sample tells.
COUNTED_RECORDS = 100
_UNEXPECTED_FIELD = "unexpected field"
# Text, which is passed by, or a whole number that has a point. Text without an end has it where the value ends: each
# byte is looked at once.
_POINTED = re.compile(rb'"(?:[^"\\]+|(?s:\\.))*+(?:"|\\?\Z)|(?<![\d.eE+-])(-?\d+)\.0+(?![\d.eE])')
# What JSON may call a value of a column that is not text.
_KINDS = {
    **dict.fromkeys(("int32", "int64", "float32", "float64"), ("a number",)),
    "decimal": ("a number", "text"),
    "bool": ("true or false",),
}


class _NotOneRowPerRecordError(Exception):
    """The records of a piece did not come back as one row each."""


_NO_ROWS = (pa.ArrowInvalid, UnreadableValueError, _NotOneRowPerRecordError)


@dataclass
class JsonRecords:
    """JSON objects that have ``columns`` at ``paths``; any number of threads may share it.

    The paths begin at the object, or at the change event that it is, or holds.
    """

    columns: Mapping[str, Column]
    paths: Mapping[str, RecordPath]
    is_event: bool = False
    _wire: WireColumns = field(init=False)
    _layout: JsonLayout = field(init=False)
    _digits: KeptDigits = field(init=False)
    _ordinal: str = field(init=False)
    _keys_beyond_schema: bool = field(init=False, default=False)
    _times_as_text: bool = field(init=False, default=False)
    _points_in_whole: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Draw the secret key of the ordinal; a column name cannot begin with an underscore."""
        self._ordinal = f"_{secrets.token_hex(6)}"
        self._wire = WireColumns(self.columns)
        self._layout = JsonLayout(self.paths, is_event=self.is_event)
        doubles = [name for name, column in self.columns.items() if column.type == "float64"]
        self._digits = KeptDigits(doubles, self._layout.values)
        # An envelope always holds more than the columns.
        self._keys_beyond_schema = self.is_event

    def parse(self, values: Sequence[bytes]) -> ParsedValues:
        """Return the rows and the rejects of ``values``. Never raises for what is in them."""
        tables: list[tuple[pa.Table, Longs]] = []
        rejected: list[RejectedRecord] = []
        known_beyond = self._keys_beyond_schema
        present, indexes = self._shaped_like_objects(values, rejected)
        for start in range(0, len(present), LONGEST_CHUNK):
            piece = slice(start, start + LONGEST_CHUNK)
            self._parse_piece(present[piece], indexes[piece], tables, rejected)
        rows, row_indexes = self._joined(tables)
        rows, row_indexes, deletes = self._layout.sorted_out(rows, row_indexes, rejected)
        rows, row_indexes = self._digits.rows(rows, row_indexes, values, rejected)
        # The first that are met are counted, however few they are.
        most = COUNTED_RECORDS if known_beyond else len(values)
        ignored = self._ignored_keys(values, row_indexes, most) if self._keys_beyond_schema else 0
        strangers = tuple(self._strangers(values, rows, row_indexes))
        return ParsedValues(rows, row_indexes, rejected, ignored, strangers, skipped=deletes, deletes=deletes)

    def why_no_column(self, value: bytes) -> str | None:
        """Return what ``value`` may have been meant to be; None where it is no object, or one with a column."""
        found = _loaded(value)
        return why_no_column(self._layout.record(found), self._layout.names) if isinstance(found, dict) else None

    def _shaped_like_objects(
        self, values: Sequence[bytes], rejected: list[RejectedRecord]
    ) -> tuple[list[bytes], Longs]:
        """Leave out what cannot be an object; the reader dies of some of it (a bare `null` heading a block)."""
        # IndexError is an empty value; the common case is one pass in C.
        with suppress(IndexError):
            if list(map(_FIRST_BYTE, values)).count(_OPEN_BRACE) == len(values):
                return list(values), np.arange(len(values), dtype=np.int64)
        kept, indexes = [], []
        for index, value in enumerate(values):
            stripped = value.strip(b" \t\r\n")
            if stripped and stripped[0] == _OPEN_BRACE:
                kept.append(stripped)
                indexes.append(index)
            else:
                rejected.append(RejectedRecord(index, _why_no_object(value)))
        return kept, np.array(indexes, dtype=np.int64)

    def _parse_piece(
        self,
        values: list[bytes],
        indexes: Longs,
        tables: list[tuple[pa.Table, Longs]],
        rejected: list[RejectedRecord],
    ) -> None:
        if not values:
            return
        try:
            tables.append((self._read(values, as_text=self._times_as_text), indexes))
        except _NO_ROWS as error:
            if len(values) == 1:
                table, left = self._read_again(values, _said(error))
                if table is not None:
                    tables.append((table, indexes))
                    return
                reason = self._why_no_row(values[0], left)
                rejected.append(RejectedRecord(int(indexes[0]), _shortened(reason)))
                return
            half = len(values) // 2
            self._parse_piece(values[:half], indexes[:half], tables, rejected)
            self._parse_piece(values[half:], indexes[half:], tables, rejected)

    def _read_again(self, values: list[bytes], said: str | None) -> tuple[pa.Table | None, str | None]:
        """Read a record as more is forgiven; return its row, or what is said of it by the last that did not take it.

        Arrow's own reading of times may have refused it, or `1.0` where a whole number is meant; or both. If that was
        it, more will come.
        """
        as_text = self._times_as_text or self._wire.any_text
        if as_text and not self._times_as_text:
            try:
                table = self._read(values, as_text=True)
            except _NO_ROWS as second:
                said = _said(second)
            else:
                self._times_as_text = True
                return table, said
        if not self._points_in_whole and self._wire.any_whole and (plain := [*map(_as_whole, values)]) != values:
            try:
                table = self._read(plain, as_text=as_text)
            except _NO_ROWS as second:
                said = _said(second)
            else:
                self._points_in_whole = True
                return table, said
        return None, said

    def _read(self, values: list[bytes], *, as_text: bool) -> pa.Table:
        body = self._lines([*map(_as_whole, values)] if self._points_in_whole else values)
        if b"\x00" in body:
            # The reader takes it for the end of its input.
            raise _NotOneRowPerRecordError
        if not self._keys_beyond_schema:
            try:
                return self._read_lines(body, len(values), "error", as_text=as_text)
            except pa.ArrowInvalid as error:
                if _UNEXPECTED_FIELD not in str(error):
                    raise
                logger.info("records hold keys beyond the schema; columns=%d", len(self.columns))
                self._keys_beyond_schema = True
        return self._read_lines(body, len(values), "ignore", as_text=as_text)

    def _lines(self, values: list[bytes]) -> bytearray:
        """Return ``values`` as lines: in front of each a brace and its ordinal, in place of its own brace a blank."""
        comma = b" " if len(values) == 1 and not _has_keys(values[0]) else b","
        front = b'\n{"%s":    %b' % (self._ordinal.encode(), comma)
        # One buffer that is written into: ten thousand records without their braces would be as many objects.
        body = bytearray(front).join([b"", *values])
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        starts = np.cumsum(lengths + len(front)) - lengths
        letters = np.frombuffer(body, np.uint8)
        letters[starts] = _BLANK
        letters[starts[:, None] + _PLACES] = _ORDINALS[: len(values)]
        return body

    def _read_lines(self, body: bytearray, count: int, beyond_schema: str, *, as_text: bool) -> pa.Table:
        schema = self._layout.schema(self._wire.wire_schema(as_text=as_text))
        schema = schema.insert(0, pa.field(self._ordinal, pa.int64()))
        table = pj.read_json(
            pa.BufferReader(body),
            # One block: an object must not be split, nor a type guessed, at a block's edge.
            read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior=beyond_schema),
        )
        ordinals = table.column(0)
        if table.num_rows != count or ordinals.null_count or not _counts_up(ordinals):
            raise _NotOneRowPerRecordError
        if not body.isascii():
            # The reader copies strings unseen; Parquet and Spark need UTF-8.
            for column in table.columns:
                column.validate(full=True)
        return self._wire.read(self._layout.columns(table.remove_column(0)), as_text=as_text)

    def _joined(self, tables: list[tuple[pa.Table, Longs]]) -> tuple[pa.Table, Longs]:
        if not tables:
            return schema_of(self.columns).empty_table(), NONE
        if len(tables) == 1:
            return tables[0]
        return pa.concat_tables([table for table, _ in tables]), np.concatenate([part for _, part in tables])

    def _strangers(self, values: Sequence[bytes], rows: pa.Table, row_indexes: Longs) -> list[int]:
        """Return which rows are of records without a column; only a row that is null throughout may be."""
        null = np.ones(len(row_indexes), dtype=np.bool_)
        for column in rows.columns:
            if not null.any() or not column.null_count:
                return []
            null &= column.is_null().to_numpy()
        nulls = row_indexes[null].tolist() if rows.num_columns else []
        return [index for index in nulls if self._is_stranger(_loaded(values[index]))]

    def _is_stranger(self, found: object) -> bool:
        return found is not None and not self._layout.has_a_column(found)

    def _ignored_keys(self, values: Sequence[bytes], row_indexes: Longs, most: int) -> int:
        """Return how many keys of the rows' records are no columns: of more than ``most``, about how many."""
        known, total = self._layout.names, 0
        indexes: list[int] = row_indexes.tolist()
        # At random, for records of several producers may take turns; and the same again for the same chunk.
        looked_at = random.Random(0).sample(indexes, min(len(indexes), most))  # noqa: S311 - no secret
        for index in looked_at:
            found = _loaded(values[index])
            total += 1 if found is None else len(self._layout.record(found).keys() - known)
        return round(total * len(indexes) / max(1, len(looked_at)))

    def _why_no_row(self, value: bytes, said: str | None) -> str:
        if said is None:
            return "not one JSON object"
        with suppress(orjson.JSONDecodeError):
            record = orjson.loads(value)
            if isinstance(record, dict) and (fault := self._fault(record)) is not None:
                return f"not of the schema: {fault}"
        shown = said.removeprefix("JSON parse error: ").removesuffix(" in row 0").rstrip(".")
        return _not_json(value) or f"not of the schema: {shown}"

    def _fault(self, record: dict[str, object]) -> str | None:
        if (fault := self._layout.fault(record)) is not None:
            return fault
        try:
            found = self._layout.values(record)
        except NoPlaceError as error:
            return str(error)
        deep = {} if self._layout.is_flat else found
        wrong = (_fault_at(self.paths[name], self.columns[name], value) for name, value in deep.items())
        return next(filter(None, wrong), None) or self._wire.fault(found)


def _fault_at(path: RecordPath, column: Column, value: object) -> str | None:
    """Return what is wrong with the kind of ``value``; Arrow tells only those of its own path."""
    kinds = _KINDS.get(family(column.type), ("text",)) if column.epoch is None else ("a number", "text")
    if value is None or (kind := kind_of(value)) in kinds:
        return None
    return f"path {path} holds {kind}, and the column is {column.type}"


def _loaded(value: bytes) -> Any:
    """Return what ``value`` holds; None for what Arrow takes and strict JSON does not, as NaN under an ignored key."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(value)
    return None


def _said(error: Exception) -> str | None:
    """Return what ``error`` says, None of records that are not one row each.

    Kept itself, it would hold its frames, and they it and the records' bytes, until cycles are collected.
    """
    return None if isinstance(error, _NotOneRowPerRecordError) else str(error)


def _has_keys(value: bytes) -> bool:
    return value[1:].lstrip(b" \t\r\n") != b"}"


def _as_whole(value: bytes) -> bytes:
    """Return JSON in which whole numbers have no point; it says the same."""
    return _POINTED.sub(lambda found: found[1] or found[0], value)


def _shortened(reason: str) -> str:
    """Arrow repeats the value at fault, which may have a megabyte; the rejects object has it anyway."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 2]} …"


def _counts_up(ordinals: pa.ChunkedArray) -> bool:
    numbers = ordinals.to_numpy()
    return bool((numbers == np.arange(len(numbers))).all())


def _why_no_object(value: bytes) -> str:
    if not value:
        return "empty: the record's value has no bytes"
    return why_framed(value) or _not_json(value) or "JSON, but not an object"


def _not_json(value: bytes) -> str | None:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    return None
