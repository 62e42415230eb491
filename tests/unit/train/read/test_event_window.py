"""The event times of a batch are told by its parts' footers: those of its rows, whatever calendar has them."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.train.read.event_window import event_window_ms
from tests.memory_store import MemoryStore

US = pa.timestamp("us", tz="UTC")


def window(*parts: dict[str, list[int | None]], event_time: str | None = "seen", **options: Any) -> Any:
    store, keys = MemoryStore(), []
    for number, columns in enumerate(parts):
        body = io.BytesIO()
        table = pa.table({name: pa.array(values, US) for name, values in columns.items()})
        pq.write_table(table, body, row_group_size=2, **options)
        keys.append(f"part{number}")
        store.put(keys[-1], body.getvalue())
    held = [SimpleNamespace(key=key, rows=1) for key in keys] + [SimpleNamespace(key="empty", rows=0)]
    manifests = [cast("Any", SimpleNamespace(objects=held))]
    return event_window_ms(store, cast("Any", SimpleNamespace(event_time=event_time)), manifests)


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([{"seen": [5_999, None, 1_000, 2_000]}, {"seen": [7_001]}], (1, 7)),
        # Before 1970 a time is of the ms that began before it; the year 30,000 has no date of Python's.
        ([{"seen": [-1, 900_000_000_000_000_000]}], (-1, 900_000_000_000_000)),
        ([{"seen": [None, None]}], None),
        # Landed before there was such a column.
        ([{"other": [5_000]}, {"seen": [7_000]}], (7, 7)),
        ([{"other": [5_000]}], None),
    ],
)
def test_it_is_that_of_the_rows(parts: list[dict[str, list[int | None]]], found: tuple[int, int] | None) -> None:
    assert window(*parts) == found


def test_where_no_column_is_named_or_a_part_does_not_tell_there_is_none() -> None:
    assert window({"seen": [1]}, event_time=None) is None
    assert window({"seen": [1]}, write_statistics=False) is None
