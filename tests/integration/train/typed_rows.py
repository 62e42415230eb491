"""Rows of all types for tests of typed features, with a stream file that has every form of feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from contract.batch import OFFSET, PARTITION
from contract.model_version import ROW_ID

COLUMNS = """
  carrier: {type: string}
  night: {type: bool}
  stops: {type: int32}
  dist: {type: float64}
  delay: {type: int64}
  dep: {type: timestamp}
"""
FEATURES = """
- {column: dist, as: log, missing: median}
- {column: delay, weight: 2, missing: flag}
- stops
- {column: stops, as: category, max_categories: 3}
- {column: carrier, as: category, weight: 0.5, max_categories: 4}
- {column: night, as: category, missing: flag}
- {column: dep, as: cyclic, of: hour, zone: America/New_York}
- {column: dep, as: cyclic, of: weekday, missing: flag, weight: 3}
- {column: dep, as: cyclic, of: month, zone: Africa/Casablanca}
"""
HOSTILE = ("AA", "it's \\' \"; DROP `x` -- \n__THIS__", "é\U0001f6e9", "other", "B6")


def typed_rows(rows: int, seed: int, carriers: Sequence[str] = HOSTILE) -> pa.Table:
    """Return ``rows`` rows around three centres; a cell in ten is missing, and times go back before 1970."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 3, rows)
    middle = np.array([2, 9, 21])[cluster] * 3_600_000_000
    days = rng.integers(-3_000, 20_000, rows) * 86_400_000_000
    times = days + middle + rng.integers(-5_400_000_000, 5_400_000_000, rows)
    names = [carriers[min(c + int(rng.integers(0, 3)), len(carriers) - 1)] for c in cluster]
    missing = rng.random((rows, 6)) < 0.1
    columns = {
        "carrier": pa.array(names, pa.string(), mask=missing[:, 0]),
        "night": pa.array(cluster == 0, mask=missing[:, 1]),
        "stops": pa.array((cluster + rng.integers(0, 4, rows)).astype(np.int32), mask=missing[:, 2]),
        "dist": pa.array(np.exp(rng.normal(3 + 3 * cluster, 1.0, rows)) * rng.choice([-1, 1], rows)),
        "delay": pa.array(np.rint(rng.normal(20 * cluster, 6, rows)).astype(np.int64), mask=missing[:, 4]),
        "dep": pa.array(times, pa.int64(), mask=missing[:, 5]).cast(pa.timestamp("us", "UTC")),
    }
    return pa.table(columns)


def landed(table: pa.Table) -> pa.Table:
    """Return the rows with the columns that landing adds, as training reads them."""
    count = table.num_rows
    columns = {
        ROW_ID: pa.array([str(n) for n in range(count)]),
        PARTITION: pa.array([0] * count, pa.int32()),
        OFFSET: pa.array(range(count), pa.int64()),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    places = {name: table.schema.get_field_index(name) for name in ("stops", "delay")}
    table = table.set_column(places["stops"], "stops", table["stops"].cast(pa.int64()))
    return table.set_column(places["delay"], "delay", table["delay"].cast(pa.float64()))
