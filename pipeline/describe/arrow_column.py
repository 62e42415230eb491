"""What a column of Arrow holds, as Parquet and Arrow files have it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from contract.moment import EARLIEST_US, LATEST_US
from pipeline.describe.distinct import Distinct
from pipeline.describe.runs import Runs
from pipeline.describe.text_column import worst_third

_US_A_DAY = 86_400_000_000
_US_AN_HOUR = 3_600_000_000


class ArrowColumn:
    """The values of one column that is no text, as far as they were seen."""

    def __init__(self, kind: pa.DataType) -> None:
        self.rows = 0
        self.missing: list[tuple[int, int]] = []
        self.distinct = Distinct()
        self.runs = Runs()
        self.low: float | None = None
        self.high: float | None = None
        self.varies = False
        self.type, self.fault = _type_of(kind)
        self.without_zone = bool(pa.types.is_timestamp(kind) and kind.tz is None)
        self._us_of_day: set[int] = set()

    def widen(self, other: ArrowColumn) -> bool:
        """Take the wider of both types; return whether one of them is."""
        for narrow, wide in (("int32", "int64"), ("float32", "float64")):
            if {self.type, other.type} == {narrow, wide}:
                self.type = wide
        return self.type == other.type and self.fault == other.fault

    def add(self, values: pa.Array) -> None:
        """Count a block of ``values``; NaN is missing."""
        rows = len(values)
        self.rows += rows
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        values = values.drop_null()
        if pa.types.is_floating(values.type):
            values = values.filter(pc.invert(pc.is_nan(values)))
        self.missing.append((rows, rows - len(values)))
        if self.fault is None and self.type != "timestamp":
            self.runs.add(values, rows)
        if len(values) and self.fault is None:
            self._look(values, rows)

    def _look(self, values: pa.Array, rows: int) -> None:
        if self.type in {"int64", "int32", "float64", "float32"} or self.type.startswith("decimal"):
            self._look_at_numbers(values)
        elif self.type == "timestamp":
            self._look_at_times(values, rows)
        if not pa.types.is_floating(values.type):
            countable = pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)
            counted = values.cast(pa.int64(), safe=False) if countable else values.cast(pa.string()) if (
                pa.types.is_string_view(values.type)) else values  # fmt: skip
            self.distinct.add(counted, worth_naming=self.type in {"int64", "int32"})

    def _look_at_numbers(self, values: pa.Array) -> None:
        bounds = pc.min_max(values).as_py()
        if pa.types.is_floating(values.type) and pc.any(pc.is_inf(values)).as_py():
            self.fault = "it holds infinity, which is no number of a record"
            return
        if pa.types.is_uint64(values.type) and bounds["max"] >= 2**63:
            self.type = "decimal(20,0)"
        low, high = float(bounds["min"]), float(bounds["max"])
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)

    def _look_at_times(self, values: pa.Array, rows: int) -> None:
        if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
            values = pc.floor_temporal(values, unit="microsecond").cast(pa.timestamp("us", values.type.tz), safe=False)
        try:
            us = values.cast(pa.timestamp("us")).cast(pa.int64())
        except pa.ArrowInvalid as error:
            self.fault = str(error)[:100]
            return
        self.runs.add(pc.divide(us, _US_AN_HOUR), rows)
        bounds = pc.min_max(us).as_py()
        if bounds["min"] < EARLIEST_US or bounds["max"] > LATEST_US:
            self.fault = "a time outside the years 1 to 9999"
        if not self.varies:
            within = pc.subtract(us, pc.multiply(pc.divide(us, _US_A_DAY), _US_A_DAY))
            self._us_of_day.update(pc.unique(within).slice(0, 2).to_pylist())
            self.varies = len(self._us_of_day) > 1

    def missing_share(self, _: str) -> float:
        """Return the share of missing values in the worst third of the rows."""
        return worst_third(self.missing)


def _type_of(kind: pa.DataType) -> tuple[str, str | None]:
    """Return a column type, and why there is none."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_decimal(kind):
        if kind.precision <= 38 and 0 <= kind.scale <= kind.precision:
            return f"decimal({kind.precision},{kind.scale})", None
        return "string", f"{kind} has more digits than a decimal of 38, or a scale of its own"
    plain = (
        (pa.types.is_boolean, "bool"), (pa.types.is_int64, "int64"), (pa.types.is_uint64, "int64"),
        (pa.types.is_uint32, "int64"), (pa.types.is_integer, "int32"), (pa.types.is_float64, "float64"),
        (pa.types.is_floating, "float32"), (pa.types.is_timestamp, "timestamp"), (pa.types.is_date32, "date"),
        (pa.types.is_date64, "timestamp"), (pa.types.is_time, "time"), (pa.types.is_null, "string"),
        (pa.types.is_string_view, "string"),
        (pa.types.is_binary, "binary"), (pa.types.is_large_binary, "binary"), (pa.types.is_fixed_size_binary, "binary"),
    )  # fmt: skip
    found = next((name for check, name in plain if check(kind)), None)
    return ("string", f"{kind} is no single value, or none that a record carries") if found is None else (found, None)
