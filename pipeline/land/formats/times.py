"""Timestamp columns of records: ISO 8601 text that Arrow reads, text that it does not, and numbers since 1970."""

from __future__ import annotations

import functools
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from contract.moment import EARLIEST_US, LATEST_US, PER_SECOND, EpochUnit, epoch_digits, epoch_us, text_us
from contract.stream import Stream
from pipeline.columns import stream_schema

_MICROSECONDS = pa.timestamp("us", tz="UTC")
# Whole digits and digits of a second that are read exactly; with its factor a number still fits into 38 digits.
_DIGITS = 28


class NotATimeError(Exception):
    """A value of a timestamp column is none; the message says of which column, and why."""


class Times:
    """The timestamp columns of ``stream``."""

    def __init__(self, stream: Stream) -> None:
        times = {name: column.epoch for name, column in stream.columns.items() if column.type == "timestamp"}
        self._texts = [name for name, unit in times.items() if unit is None]
        self._epochs: dict[str, EpochUnit] = {name: unit for name, unit in times.items() if unit is not None}
        self._schema = stream_schema(stream)

    @property
    def any_text(self) -> bool:
        """Whether a column holds text."""
        return bool(self._texts)

    def wire_schema(self, *, as_text: bool) -> pa.Schema:
        """Return the columns as Arrow is to read them; ``as_text`` leaves the reading of times to :meth:`read`."""
        kinds = {name: pa.decimal128(_DIGITS, epoch_digits(unit)) for name, unit in self._epochs.items()}
        kinds |= {name: pa.string() for name in self._texts if as_text}
        return pa.schema([pa.field(field.name, kinds.get(field.name, field.type)) for field in self._schema])

    def read(self, rows: pa.Table, *, as_text: bool) -> pa.Table:
        """Return ``rows``, which are of the wire schema, with their times in microseconds.

        Raises
        ------
        NotATimeError: one of them is no time between the years 1 and 9999.
        """
        for name in (*self._texts, *self._epochs):
            place = rows.schema.get_field_index(name)
            found = rows.column(place)
            try:
                times = self._column(name, found, as_text=as_text)
            except (ValueError, pa.ArrowInvalid) as error:
                raise NotATimeError(f"column {name!r}: {error}") from error
            rows = rows.set_column(place, name, times)
        return rows

    def _column(self, name: str, found: pa.ChunkedArray, *, as_text: bool) -> pa.ChunkedArray:
        if (unit := self._epochs.get(name)) is not None:
            return _from_epoch(found, unit)
        if as_text:
            us = [None if text is None else _text_us(text) for text in found.to_pylist()]
            return pa.chunked_array([pa.array(us, pa.int64()).cast(_MICROSECONDS)])
        bounds = pc.min_max(found.cast(pa.int64())).as_py()
        if bounds["min"] is not None and not EARLIEST_US <= bounds["min"] <= bounds["max"] <= LATEST_US:
            raise ValueError("outside the years 1 to 9999")
        return found

    def fault(self, record: dict[str, object]) -> str | None:
        """Return what is wrong with the first time of ``record`` that is none, or None."""
        faults = (_fault(name, record.get(name), self._epochs.get(name)) for name in (*self._texts, *self._epochs))
        return next(filter(None, faults), None)


@functools.lru_cache(maxsize=65_536)
def _text_us(text: str) -> int:
    return text_us(text)


def _from_epoch(found: pa.ChunkedArray, unit: EpochUnit) -> pa.ChunkedArray:
    factor = Decimal(10**6) / PER_SECOND[unit]
    us = pc.floor(pc.multiply(found, pa.scalar(factor, pa.decimal128(7, 0) if factor >= 1 else pa.decimal128(4, 3))))
    wild = pc.or_(pc.less(us, pa.scalar(Decimal(EARLIEST_US))), pc.greater(us, pa.scalar(Decimal(LATEST_US))))
    if pc.any(wild).as_py():
        raise ValueError(f"outside the years 1 to 9999, if it counts {unit} from 1970")
    return us.cast(pa.int64()).cast(_MICROSECONDS)


def _fault(name: str, value: object, unit: EpochUnit | None) -> str | None:
    try:
        if unit is not None and isinstance(value, int | float | str) and not isinstance(value, bool):
            epoch_us(str(value), unit)
        elif unit is None and isinstance(value, int | float) and not isinstance(value, bool):
            hint = "if it counts from 1970, say `epoch: s`, ms, us or ns in the stream file"
            return f"column {name!r} is a timestamp, and holds the number {value}: {hint}"
        elif unit is None and isinstance(value, str):
            text_us(value)
    except ValueError as error:
        return f"column {name!r}: {error}"[:300]
    return None
