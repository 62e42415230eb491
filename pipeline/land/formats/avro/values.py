"""Which values of Avro become which columns; `docs/streams.md` has the table."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from contract.column_types import decimal_digits, family
from contract.moment import EARLIEST_US, EPOCH, LATEST_US, PER_SECOND, EpochUnit, epoch_us, text_us
from contract.plain_values import calendar_date, clock_time, decimal_text
from contract.stream_sections import Column
from contract.zones import in_zone
from pipeline.columns import arrow_type
from pipeline.land.formats.avro.schema import Node, kind

Values: TypeAlias = Sequence[Any] | pa.Array
Reader = Callable[[Values], pa.Array]
"""Values as fastavro gives them, or Arrow arrays of the same types, become a column.

Raises what Arrow and Python raise for values that it cannot hold.
"""

_US: Final = pa.timestamp("us", tz="UTC")
_FIRST_DAY, _LAST_DAY = date(1, 1, 1).toordinal() - 719_163, date(9999, 12, 31).toordinal() - 719_163
_DAY_US: Final = 86_400_000_000
_UNITS: Final[Mapping[str, EpochUnit]] = {"millis": "ms", "micros": "us", "nanos": "ns"}
_PHYSICAL: Final[Mapping[str, pa.DataType]] = {
    "boolean": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
    "string": pa.string(), "enum": pa.string(), "bytes": pa.binary(), "fixed": pa.binary(),
}  # fmt: skip


def avro_type(node: Node) -> str:
    """Return what a schema calls ``node``: `long`, `timestamp-millis`, `decimal(10,2)`; unknown logical types aside."""
    of = kind(node)
    logical = node.get("logicalType") if isinstance(node, Mapping) else None
    if logical == "decimal" and of in {"bytes", "fixed"} and isinstance(node.get("precision"), int):
        return f"decimal({node['precision']},{node.get('scale', 0)})"
    if logical == "uuid" and (of == "string" or (of == "fixed" and node["size"] == 16)):
        return "uuid"
    return str(logical) if of in _LOGICAL.get(str(logical), ()) else of


_LOGICAL: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("int",), "time-millis": ("int",), "time-micros": ("long",),
    **{f"{local}timestamp-{unit}": ("long",) for local in ("", "local-") for unit in _UNITS},
}  # fmt: skip


def reader(node: Node, column: Column) -> Reader | None:
    """Return what reads values of ``node`` as those of ``column``; None where its type cannot hold them."""
    name, of, wanted = avro_type(node), kind(node), family(column.type)
    physical = _PHYSICAL.get(of)
    if physical is None:
        return None
    if family(name) == "decimal" or "timestamp-" in name:
        return _logical(name, node, column)
    plain: dict[tuple[str, str], Reader] = {
        ("date", "date"): _dates,
        ("time-millis", "time"): functools.partial(_clock, factor=1_000),
        ("time-micros", "time"): functools.partial(_clock, factor=1),
        ("uuid", "string"): _uuids if of == "fixed" else functools.partial(_arrow, wanted=physical),
        ("boolean", "bool"): functools.partial(_arrow, wanted=physical),
        ("string", "string"): functools.partial(_arrow, wanted=physical),
        ("enum", "string"): functools.partial(_arrow, wanted=physical),
        ("bytes", "binary"): functools.partial(_arrow, wanted=physical),
        ("fixed", "binary"): functools.partial(_arrow, wanted=physical),
        ("float", "float32"): functools.partial(_arrow, wanted=physical),
        ("float", "float64"): functools.partial(_cast, physical=physical, wanted=pa.float64()),
        ("double", "float64"): functools.partial(_arrow, wanted=physical),
    }
    if (found := plain.get((name, wanted))) is not None:
        return found
    if name == "string":
        return _spoken(column)
    if name not in {"int", "long"} or (read := _whole(physical, column)) is None:
        return None
    return read if name == "long" else functools.partial(_of_int, read=read)


def _logical(name: str, node: Node, column: Column) -> Reader | None:
    wanted = family(column.type)
    if "timestamp-" in name:
        return _timestamps(name, column) if wanted == "timestamp" else None
    return functools.partial(_decimals, node=node, column=column) if wanted == "decimal" else None


def fitting(node: Node) -> str:
    """Return the types of columns that hold values of ``node``, for a message; empty where none does."""
    names = {
        "int": "int32, int64, float64 or a decimal", "long": "int64, float64 or a decimal",
        "float": "float32 or float64",
        "double": "float64", "boolean": "bool", "string": "string", "enum": "string", "uuid": "string",
        "bytes": "binary", "fixed": "binary", "date": "date", "time-millis": "time", "time-micros": "time",
    }  # fmt: skip
    name = avro_type(node)
    if "timestamp-" in name:
        return "timestamp"
    return name if name.startswith("decimal(") else names.get(name, "")


def _whole(physical: pa.DataType, column: Column) -> Reader | None:
    wanted = family(column.type)
    if wanted == "timestamp":
        # Without a unit, a number is no time.
        return None if column.epoch is None else functools.partial(_epochs, unit=column.epoch)
    if wanted == "decimal":
        digits = decimal_digits(column.type) or (38, 0)
        return lambda values: _each(values, lambda number: Decimal(decimal_text(Decimal(number), *digits)), column)
    if wanted in {"int32", "int64", "float32", "float64"}:
        return functools.partial(_cast, physical=physical, wanted=arrow_type(column.type))
    return None


def _arrow(values: Values, wanted: pa.DataType) -> pa.Array:
    if not isinstance(values, pa.Array):
        return pa.array(values, wanted)
    if values.type != wanted and not pa.types.is_null(values.type):
        raise TypeError(f"{values.type}, and its schema says {wanted}")
    return values.cast(wanted)


def _of_int(values: Values, read: Reader) -> pa.Array:
    """Read what a schema calls `int`: on the way it is as long as a `long`."""
    numbers = _arrow(values, pa.int64())
    _refuse_outside(numbers, -(2**31), 2**31 - 1, "has more than 32 bits, and its schema says int")
    return read(numbers)


def python_values(values: Values) -> Sequence[Any]:
    """Return ``values`` as Python has them."""
    return values.to_pylist() if isinstance(values, pa.Array) else values


def _cast(values: Values, physical: pa.DataType, wanted: pa.DataType) -> pa.Array:
    return _arrow(values, physical).cast(wanted)


def _spoken(column: Column) -> Reader | None:
    """Text is read as the text of a JSON record is."""
    wanted = family(column.type)
    if wanted == "decimal":
        digits = decimal_digits(column.type) or (38, 0)
        return lambda values: _each(values, lambda text: Decimal(decimal_text(text, *digits)), column)
    if wanted == "timestamp":
        return lambda values: _each(values, functools.partial(_text_us, column=column), column)
    others: dict[str, Callable[[str], object]] = {"date": calendar_date, "time": clock_time}
    read = others.get(wanted)
    return None if read is None else lambda values: _each(values, read, column)


def _text_us(text: str, column: Column) -> int:
    return text_us(text, column.zone) if column.epoch is None else epoch_us(text, column.epoch)


def _each(values: Values, read: Callable[[Any], object], column: Column) -> pa.Array:
    return pa.array(
        [None if value is None else read(value) for value in python_values(values)], arrow_type(column.type)
    )


def _timestamps(name: str, column: Column) -> Reader | None:
    unit = _UNITS[name.rpartition("-")[2]]
    if column.epoch not in {None, unit}:
        return None
    if name.startswith("local-") and column.zone is not None:
        return functools.partial(_clock_times, unit=unit, zone=column.zone)
    return functools.partial(_epochs, unit=unit)


def _epochs(values: Values, unit: EpochUnit) -> pa.Array:
    found = _arrow(values, pa.int64())
    per_second = PER_SECOND[unit]
    if per_second <= 10**6:
        us = pc.multiply_checked(found, 10**6 // per_second)
    else:
        # Towards the past, as everywhere; Arrow's own division goes towards zero.
        down = pc.floor(pc.divide(found.cast(pa.decimal128(20, 0)), pa.scalar(Decimal(1000), pa.decimal128(4, 0))))
        us = down.cast(pa.int64())
    _refuse_outside(us, EARLIEST_US, LATEST_US, "outside the years 1 to 9999")
    return us.cast(_US)


def _clock_times(values: Values, unit: EpochUnit, zone: str) -> pa.Array:
    clocks = pc.cast(_epochs(values, unit), pa.int64()).to_pylist()
    moments = [
        None if us is None else in_zone((EPOCH + timedelta(microseconds=us)).replace(tzinfo=None), zone)
        for us in clocks
    ]
    return pa.array(moments, _US)


def _dates(values: Values) -> pa.Array:
    days = _arrow(values, pa.int64())
    _refuse_outside(days, _FIRST_DAY, _LAST_DAY, "outside the years 1 to 9999")
    return days.cast(pa.int32()).cast(pa.date32())


def _clock(values: Values, factor: int) -> pa.Array:
    us = pc.multiply_checked(_arrow(values, pa.int64()), factor)
    _refuse_outside(us, 0, _DAY_US - 1, "outside a day")
    return us.cast(pa.time64("us"))


def _uuids(values: Values) -> pa.Array:
    return pa.array(
        [None if value is None else str(uuid.UUID(bytes=value)) for value in python_values(values)], pa.string()
    )


def _decimals(values: Values, node: Mapping[str, Any], column: Column) -> pa.Array:
    scale, digits = int(node.get("scale", 0)), decimal_digits(column.type) or (38, 0)
    exact = [None if value is None else _decimal(value, scale, digits) for value in python_values(values)]
    return pa.array(exact, arrow_type(column.type))


def _decimal(value: bytes, scale: int, digits: tuple[int, int]) -> Decimal:
    unscaled = int.from_bytes(value, "big", signed=True)
    if len(value) > 32:
        raise ValueError(f"a decimal of {len(value)} bytes has more than 38 digits")
    sign, shown = int(unscaled < 0), tuple(map(int, str(abs(unscaled))))
    return Decimal(decimal_text(Decimal((sign, shown, -scale)), *digits))


def _refuse_outside(found: pa.Array, low: int, high: int, said: str) -> None:
    bounds = pc.min_max(found)
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    if least is not None and not low <= least <= most <= high:
        raise ValueError(said)
