"""A column's value is where the stream file says: deep in the value, in a header, in the key, or the record's time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from contract.stream import Stream, parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from tests.chunks import chunk


def stream(columns: str, more: str = "") -> Stream:
    text = f"name: s\ntopic: s\ncolumns:\n  x: float64\n{columns}\n{more}\ncut: {{rows: 1}}\nfeatures: [x]\nmodel: {{k: 2}}\n"
    return parse_stream(text, "s.yaml")


def landed(of: Stream, *values: object, **beside: Any) -> list[dict[str, Any] | str]:
    """Return per record its row, or why it is rejected, or `skipped`."""
    raw = [value if value is None or isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    parsed = WholeRecords(of).parse(chunk(raw, **beside))
    found: dict[int, dict[str, Any] | str] = {each.index: each.reason for each in parsed.rejected}
    found |= dict.fromkeys(parsed.skipped.tolist(), "skipped")
    found |= dict(zip(parsed.indexes.tolist(), parsed.rows.to_pylist(), strict=True))
    assert sorted(found) == list(range(len(values)))
    assert parsed.rows.column_names == list(of.columns)
    return [found[index] for index in range(len(values))]


NESTED = stream(
    '  mag: {type: float64, path: properties.mag}\n  id: {type: string, path: \'"a.b"."c d"\'}\n'
    "  lon: {type: float64, path: 'geometry.coordinates[0]'}\n  two: {type: int32, path: 'l[1].n'}\n"
    "  at: {type: timestamp, path: properties.time, epoch: ms}\n  d: {type: 'decimal(9,2)', path: properties.d}\n"
)


def test_a_value_is_at_its_path() -> None:
    quake = {
        "x": 1,
        "properties": {"mag": 4.5, "time": 1_700_000_000_123, "d": "12.30", "more": [1, {"y": 2}]},
        "geometry": {"coordinates": [1.5, 2.5, 10], "type": "Point"},
        "a.b": {"c d": "us1"},
        "l": [{"n": 1}, {"n": 7, "m": None}],
    }
    bare: dict[str, object] = {"x": 2, "properties": None, "geometry": {"coordinates": []}, "l": [None, None]}
    first, second, third = landed(NESTED, quake, bare, {"x": 3, "l": []})
    assert first == {
        "x": 1.0, "mag": 4.5, "id": "us1", "lon": 1.5, "two": 7,
        "at": datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC), "d": Decimal("12.30"),
    }  # fmt: skip
    nothing = dict.fromkeys(["mag", "id", "lon", "two", "at", "d"])
    assert second == {"x": 2.0, **nothing}
    assert third == {"x": 3.0, **nothing}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"properties": "text"}, "path properties.mag: properties is text, and not an object"),
        ({"properties": [1]}, "path properties.mag: properties is a list, and not an object"),
        ({"geometry": {"coordinates": {"0": 1}}}, "path geometry.coordinates[0]: geometry.coordinates is an object, and not a list"),
        ({"properties": {"mag": {"value": 1}}}, "path properties.mag holds an object, and the column is float64"),
        ({"properties": {"mag": "4.5"}}, "path properties.mag holds text, and the column is float64"),
        ({"l": [1, 2]}, "path l[1].n: l[1] is a number, and not an object"),
        ({"properties": {"time": "yesterday"}}, "column 'at'"),
    ],
)  # fmt: skip
def test_a_path_through_something_else_rejects_its_record_alone_and_is_named(value: object, said: str) -> None:
    before, found, behind = landed(NESTED, {"x": 1}, value, {"x": 3})
    assert said in str(found)
    assert isinstance(before, dict) and isinstance(behind, dict) and (before["x"], behind["x"]) == (1, 3)
