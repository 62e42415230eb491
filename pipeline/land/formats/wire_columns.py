"""Columns that records carry otherwise than parts have them: times, dates, times of day and bytes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from contract.moment import EARLIEST_US, EPOCH, LATEST_US, PER_SECOND, EpochUnit, epoch_digits, epoch_us, text_us
from contract.plain_values import base64_bytes, calendar_date, clock_time
from contract.stream_sections import Column
from pipeline.columns import schema_of

_MICROSECONDS = pa.timestamp("us", tz="UTC")
# Whole digits and digits of a second that are read exactly; with its factor a number still fits into 38 digits.
_DIGITS = 28


_Spoken = Callable[[str], object]


class UnreadableValueError(Exception):
    """A value is none of its column's type; the message says of which column, and why."""


class WireColumns:
    """``columns`` as records carry them."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._spoken = {name: read for name, column in columns.items() if (read := _spoken(column)) is not None}
        """Columns of text that is read here, and never by Arrow."""
        times = {name: column.epoch for name, column in columns.items() if column.type == "timestamp"}
        self._texts = [name for name, unit in times.items() if unit is None and name not in self._spoken]
        self._epochs: dict[str, EpochUnit] = {name: unit for name, unit in times.items() if unit is not None}
        self._schema = schema_of(columns)
        self._decimals = [field.name for field in self._schema if pa.types.is_decimal(field.type)]

    @property
    def any_text(self) -> bool:
        """Whether a column holds times as text that Arrow may read."""
        return bool(self._texts)

    @property
    def any_whole(self) -> bool:
        """Whether a column holds integers."""
        return any(pa.types.is_integer(field.type) for field in self._schema)

    def wire_schema(self, *, as_text: bool) -> pa.Schema:
        """Return the columns as Arrow is to read them; ``as_text`` leaves the reading of times to :meth:`read`."""
        kinds = {name: pa.decimal128(_DIGITS, epoch_digits(unit)) for name, unit in self._epochs.items()}
        kinds |= {name: pa.string() for name in self._texts if as_text} | dict.fromkeys(self._spoken, pa.string())
        return pa.schema([pa.field(field.name, kinds.get(field.name, field.type)) for field in self._schema])

    def read(self, rows: pa.Table, *, as_text: bool) -> pa.Table:
        """Return ``rows``, which are of the wire schema, as parts have them.

        Raises
        ------
        UnreadableValueError: a value is none of its column's type, or a time outside the years 1 to 9999.
        """
        for name in (*self._texts, *self._epochs, *self._spoken, *self._decimals):
            place = rows.schema.get_field_index(name)
            found = rows.column(place)
            try:
                values = self._column(name, found, as_text=as_text)
            except (ValueError, OverflowError, pa.ArrowInvalid) as error:
                raise UnreadableValueError(f"column {name!r}: {error}") from error
            rows = rows.set_column(place, name, values)
        return rows

    def _column(self, name: str, found: pa.ChunkedArray, *, as_text: bool) -> pa.ChunkedArray:
        if (unit := self._epochs.get(name)) is not None:
            return _from_epoch(found, unit)
        if (read := self._spoken.get(name)) is not None:
            values = [None if text is None else read(text) for text in found.to_pylist()]
            return pa.chunked_array([pa.array(values, self._schema.field(name).type)])
        if name in self._decimals:
            # Arrow gives a number the scale of its column, and does not look how many digits it has then.
            found.validate(full=True)
            return found
        if as_text:
            us = [None if text is None else _text_us(text) for text in found.to_pylist()]
            return pa.chunked_array([pa.array(us, pa.int64()).cast(_MICROSECONDS)])
        bounds = pc.min_max(found.cast(pa.int64())).as_py()
        if bounds["min"] is not None and not EARLIEST_US <= bounds["min"] <= bounds["max"] <= LATEST_US:
            raise ValueError("outside the years 1 to 9999")
        return found

    def fault(self, record: Mapping[str, object]) -> str | None:
        """Return what is wrong with the first of these columns of ``record``, or None."""
        of_times = (_fault(name, record.get(name), self._epochs.get(name)) for name in (*self._texts, *self._epochs))
        of_text = (self._fault_of_text(name, record.get(name)) for name in self._spoken)
        return next(filter(None, (*of_times, *of_text)), None)

    def _fault_of_text(self, name: str, value: object) -> str | None:
        try:
            if isinstance(value, str):
                self._spoken[name](value)
            elif isinstance(value, int | float):
                return f"column {name!r} is text for a {self._schema.field(name).type}, and holds {value}"[:300]
        except (ValueError, OverflowError) as error:
            return f"column {name!r}: {error}"[:300]
        return None


def _spoken(column: Column) -> _Spoken | None:
    """Return what reads the text of a column that Arrow does not read, or reads in another zone; None for another."""
    if column.type == "timestamp" and column.zone is not None:
        return functools.partial(_moment, zone=column.zone)
    others: dict[str, _Spoken] = {"date": _date, "time": _clock_time, "binary": base64_bytes}
    return others.get(column.type)


@functools.lru_cache(maxsize=65_536)
def _moment(text: str, zone: str) -> datetime:
    return EPOCH + timedelta(microseconds=text_us(text, zone))


_date = functools.lru_cache(maxsize=65_536)(calendar_date)
_clock_time = functools.lru_cache(maxsize=65_536)(clock_time)


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
