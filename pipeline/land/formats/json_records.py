"""JSON records become Arrow rows, a chunk at a time, and row k is provably record k.

Arrow's reader takes lines, not records: one record may hold two lines or none, or borrow the start of its
neighbour. So an ordinal is written into each record, under a key that nobody outside this process knows,
and a chunk counts only if exactly the ordinals 0…n−1 come back, in order. A chunk that does not is halved
until the records at fault stand alone; those are the rejects.
"""

from __future__ import annotations

import logging
import operator
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from contract.stream import Stream
from pipeline.columns import stream_schema
from pipeline.land.formats.format import ParsedValues, RejectedRecord
from pipeline.land.formats.near_names import why_no_column
from pipeline.land.formats.wire_columns import UnreadableValueError, WireColumns

logger = logging.getLogger(__name__)

_OPEN_BRACE = ord("{")
_FIRST_BYTE = operator.itemgetter(0)
_BEHIND_FIRST_BYTE = operator.itemgetter(slice(1, None))
# Ordinals that are written beforehand; a longer chunk is parsed in pieces.
LONGEST_CHUNK = 10_000
LONGEST_REASON = 300
_UNEXPECTED_FIELD = "unexpected field"


class _NotOneRowPerRecordError(Exception):
    """The records of a piece did not come back as one row each."""


@dataclass
class JsonRecords:
    """Flat JSON objects as the format of one stream's records; any number of threads may share it."""

    stream: Stream
    _columns: WireColumns = field(init=False)
    _ordinal: str = field(init=False)
    _prefixes: list[bytes] = field(init=False)
    _keys_beyond_schema: bool = field(init=False, default=False)
    _times_as_text: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Draw the secret key of the ordinal; a column name cannot begin with an underscore."""
        self._ordinal = f"_{secrets.token_hex(6)}"
        self._columns = WireColumns(self.stream)
        key = self._ordinal.encode()
        self._prefixes = [b'\n{"%s":%d,' % (key, ordinal) for ordinal in range(LONGEST_CHUNK)]

    def parse(self, values: Sequence[bytes | None]) -> ParsedValues:
        """Return the rows and the rejects of ``values``. Never raises for what is in them."""
        tables: list[tuple[pa.Table, npt.NDArray[np.int64]]] = []
        rejected: list[RejectedRecord] = []
        present, indexes = self._shaped_like_objects(values, rejected)
        for start in range(0, len(present), LONGEST_CHUNK):
            piece = slice(start, start + LONGEST_CHUNK)
            self._parse_piece(present[piece], indexes[piece], tables, rejected)
        rows, row_indexes = self._joined(tables)
        rows, row_indexes = self._checked(rows, row_indexes, rejected)
        ignored, strangers = 0, self._without_keys(values, rows, row_indexes)
        if self._keys_beyond_schema:
            ignored, strangers = self._look_at_keys(values, row_indexes)
        rejected.sort(key=lambda record: record.index)
        return ParsedValues(rows, row_indexes, rejected, ignored, tuple(strangers))

    def why_no_column(self, value: bytes | None) -> str | None:
        """Return what ``value`` may have been meant to be; None where it is no object, or one with a column."""
        try:
            record = orjson.loads(value or b"")
        except orjson.JSONDecodeError:
            return None
        return why_no_column(record, self.stream.columns) if isinstance(record, dict) else None

    def _shaped_like_objects(
        self, values: Sequence[bytes | None], rejected: list[RejectedRecord]
    ) -> tuple[list[bytes], npt.NDArray[np.int64]]:
        """Leave out what cannot be an object; the reader dies of some of it (a bare `null` heading a block)."""
        longest = self.stream.rejects.max_record_bytes
        # TypeError is a tombstone, IndexError an empty value; the common case is one pass in C.
        with suppress(TypeError, IndexError):
            present = cast("Sequence[bytes]", values)
            shaped = list(map(_FIRST_BYTE, present)).count(_OPEN_BRACE) == len(present)
            if shaped and max(map(len, present), default=0) <= longest:
                return list(present), np.arange(len(present), dtype=np.int64)
        kept, indexes = [], []
        for index, value in enumerate(values):
            if value is not None and len(value) > longest:
                reason = f"oversized: the value has {len(value)} bytes, {longest} are taken"
                rejected.append(RejectedRecord(index, reason))
                continue
            stripped = value.strip(b" \t\r\n") if value is not None else None
            if stripped and stripped[0] == _OPEN_BRACE:
                kept.append(stripped)
                indexes.append(index)
            else:
                rejected.append(RejectedRecord(index, _why_no_object(value)))
        return kept, np.array(indexes, dtype=np.int64)

    def _parse_piece(
        self,
        values: list[bytes],
        indexes: npt.NDArray[np.int64],
        tables: list[tuple[pa.Table, npt.NDArray[np.int64]]],
        rejected: list[RejectedRecord],
    ) -> None:
        if not values:
            return
        try:
            tables.append((self._read(values, as_text=self._times_as_text), indexes))
        except (pa.ArrowInvalid, UnreadableValueError, _NotOneRowPerRecordError) as error:
            if len(values) == 1:
                if (table := self._with_finer_times(values)) is not None:
                    tables.append((table, indexes))
                    return
                reason = self._why_no_row(values[0], error)
                rejected.append(RejectedRecord(int(indexes[0]), _shortened(reason)))
                return
            half = len(values) // 2
            self._parse_piece(values[:half], indexes[:half], tables, rejected)
            self._parse_piece(values[half:], indexes[half:], tables, rejected)

    def _with_finer_times(self, values: list[bytes]) -> pa.Table | None:
        """Read again what Arrow's own reading of times may have refused; if that was it, more will come."""
        if self._times_as_text or not self._columns.any_text:
            return None
        with suppress(pa.ArrowInvalid, UnreadableValueError, _NotOneRowPerRecordError):
            table = self._read(values, as_text=True)
            self._times_as_text = True
            return table
        return None

    def _read(self, values: list[bytes], *, as_text: bool) -> pa.Table:
        body = self._lines(values)
        if b"\x00" in body:
            # The reader takes it for the end of its input.
            raise _NotOneRowPerRecordError
        if not self._keys_beyond_schema:
            try:
                return self._read_lines(body, len(values), "error", as_text=as_text)
            except pa.ArrowInvalid as error:
                if _UNEXPECTED_FIELD not in str(error):
                    raise
                logger.info("records hold keys beyond the schema; stream=%s", self.stream.name)
                self._keys_beyond_schema = True
        return self._read_lines(body, len(values), "ignore", as_text=as_text)

    def _lines(self, values: list[bytes]) -> bytes:
        pieces = [b""] * (2 * len(values))
        pieces[0::2] = self._prefixes[: len(values)]
        pieces[1::2] = map(_BEHIND_FIRST_BYTE, values)
        if len(values) == 1 and pieces[1].lstrip(b" \t\r\n") == b"}":
            pieces[0] = pieces[0].removesuffix(b",")
        return b"".join(pieces)

    def _read_lines(self, body: bytes, count: int, beyond_schema: str, *, as_text: bool) -> pa.Table:
        schema = self._columns.wire_schema(as_text=as_text).insert(0, pa.field(self._ordinal, pa.int64()))
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
        return self._columns.read(table.remove_column(0), as_text=as_text)

    def _joined(self, tables: list[tuple[pa.Table, npt.NDArray[np.int64]]]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        if not tables:
            return stream_schema(self.stream).empty_table(), np.empty(0, dtype=np.int64)
        if len(tables) == 1:
            return tables[0]
        return pa.concat_tables([table for table, _ in tables]), np.concatenate([part for _, part in tables])

    def _checked(
        self, rows: pa.Table, indexes: npt.NDArray[np.int64], rejected: list[RejectedRecord]
    ) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        """Reject the rows that lack a required value or hold a number that JSON does not know."""
        bad = np.zeros(len(indexes), dtype=np.bool_)
        for name, column in self.stream.columns.items():
            values = rows.column(name)
            if column.required and values.null_count:
                bad |= _reject(rejected, indexes, bad, pc.is_null(values), f"column {name!r} is required, and absent")
            if pa.types.is_floating(values.type):
                wild = pc.invert(pc.fill_null(pc.is_finite(values), True))
                if pc.any(wild).as_py():
                    bad |= _reject(rejected, indexes, bad, wild, f"column {name!r} is NaN, infinite or out of range")
        if not bad.any():
            return rows, indexes
        return rows.filter(pa.array(~bad)), indexes[~bad]

    def _without_keys(
        self, values: Sequence[bytes | None], rows: pa.Table, row_indexes: npt.NDArray[np.int64]
    ) -> list[int]:
        """Return which rows are of records without a key; only a row that is null throughout may be."""
        null = np.ones(len(row_indexes), dtype=np.bool_)
        for column in rows.columns:
            if not null.any() or not column.null_count:
                return []
            null &= column.is_null().to_numpy()
        return [index for index in row_indexes[null].tolist() if (values[index] or b"").strip(b"{} \t\r\n") == b""]

    def _look_at_keys(
        self, values: Sequence[bytes | None], row_indexes: npt.NDArray[np.int64]
    ) -> tuple[int, list[int]]:
        """Return how many keys are no columns, and which rows have no other keys."""
        known = self.stream.columns.keys()
        total, strangers = 0, []
        for index in row_indexes.tolist():
            try:
                keys = orjson.loads(values[index] or b"{}").keys()
            except orjson.JSONDecodeError:
                # Arrow takes a few texts that strict JSON does not, such as NaN under an ignored key.
                total += 1
                continue
            beyond = len(keys - known)
            total += beyond
            if beyond == len(keys):
                strangers.append(index)
        return total, strangers

    def _why_no_row(self, value: bytes, error: Exception) -> str:
        if isinstance(error, _NotOneRowPerRecordError):
            return "not one JSON object"
        with suppress(orjson.JSONDecodeError):
            record = orjson.loads(value)
            if isinstance(record, dict) and (fault := self._columns.fault(record)) is not None:
                return f"not of the schema: {fault}"
        said = str(error).removeprefix("JSON parse error: ").removesuffix(" in row 0").rstrip(".")
        return _not_json(value) or f"not of the schema: {said}"


def _shortened(reason: str) -> str:
    """Arrow repeats the value at fault, which may have a megabyte; the rejects object has it anyway."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 2]} …"


def _counts_up(ordinals: pa.ChunkedArray) -> bool:
    numbers = ordinals.to_numpy()
    return bool((numbers == np.arange(len(numbers))).all())


def _reject(
    rejected: list[RejectedRecord],
    indexes: npt.NDArray[np.int64],
    already: npt.NDArray[np.bool_],
    mask: pa.ChunkedArray,
    reason: str,
) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = mask.to_numpy().astype(np.bool_)
    rejected.extend(RejectedRecord(int(index), reason) for index in indexes[found & ~already])
    return found


def _why_no_object(value: bytes | None) -> str:
    if value is None:
        return "tombstone: the record has no value"
    if not value.strip():
        return "empty: the record's value has no bytes"
    return _not_json(value) or "JSON, but not an object"


def _not_json(value: bytes) -> str | None:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    return None
