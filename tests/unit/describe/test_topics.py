"""Records of a topic: what `describe` writes for each format, and that landing takes all of them with it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import fastavro
import pytest

from contract.errors import ConfigurationError
from pipeline.describe.against import changes
from pipeline.describe.as_json import as_json
from pipeline.describe.describe_topic import Told
from pipeline.describe.refusals import Refusals
from tests.unit.describe.described import topic


def lines(*records: object) -> list[bytes]:
    return [json.dumps(record).encode() for record in records]


def test_nested_json_gets_paths() -> None:
    values = lines(*(
        {"id": n, "user": {"name": "ab"[n % 2], "at": f"2024-01-01T00:00:0{n % 9}Z"},
         "items": [{"price": n}, {"price": 2.5}], "odd": n if n % 2 else "x", "none": None} for n in range(40)
    ))  # fmt: skip
    found, stream = topic([*values, None])
    assert {name: (column.type, column.path) for name, column in stream.columns.items()} == {
        "id": ("int64", None), "user_name": ("string", "user.name"), "user_at": ("timestamp", "user.at"),
        "items_0_price": ("float64", "items[0].price"), "items_1_price": ("float64", "items[1].price"),
        "none": ("string", None),
    }  # fmt: skip
    assert stream.records.tombstones == "skip"
    assert found.not_columns == {"odd": "it is a number and text"}
    assert (stream.id, stream.event_time) == (("id",), "user_at")
    assert not found.notes


def test_whole_numbers_that_no_column_keeps_are_told() -> None:
    rows = [f'{{"x": {n}.5, "a": {2**70 + n}, "b": {2**60 + 1 if n else 1.5}, "c": {2**64 - 1}}}' for n in range(40)]
    found, stream = topic([row.encode() for row in rows])
    assert {name: column.type for name, column in stream.columns.items() if column.in_value} == {
        "x": "float64", "c": "decimal(20,0)",
    }  # fmt: skip
    assert list(found.not_columns) == ["a", "b"]
    assert not [note for note in found.notes if "rejected" in note]


def test_change_events_are_found() -> None:
    events = [{"op": "c", "before": None, "after": {"id": n, "v": n / 2}, "source": {}} for n in range(40)]
    wrapped = [{"schema": {}, "payload": event} for event in events]
    gone = {"op": "d", "before": {"id": 1}, "after": None, "source": {}}
    for records in (events, wrapped):
        found, stream = topic([*lines(*records, gone), None])
        assert stream.records.envelope == "debezium"
        assert list(stream.columns) == ["id", "v", "record_time"]
        assert not found.notes


def test_csv_lines_have_places() -> None:
    found, stream = topic([f"{n};{n},5;{'ab'[n % 2]};NA".encode() for n in range(40)])
    assert (stream.records.format, stream.records.delimiter, stream.records.decimal) == ("csv", ";", ",")
    assert [c.type for c in stream.columns.values()] == ["int64", "float64", "string", "string", "timestamp"]
    assert not [note for note in found.notes if "rejected" in note]


def test_names_in_front_of_csv_lines_are_told() -> None:
    found, stream = topic([b"id;x", *(f"{n};{n},5".encode() for n in range(40))])
    assert [column.type for column in stream.columns.values() if column.in_value] == ["int64", "float64"]
    assert "1 record of those looked at would be rejected" in found.notes[-1]


def test_avro_is_described_by_its_schema(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "R", "fields": [
        {"name": "id", "type": "long"}, {"name": "x", "type": ["null", "double"]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "in", "type": {"type": "record", "name": "I", "fields": [{"name": "s", "type": "string"}]}},
        {"name": "list", "type": {"type": "array", "items": "int"}}, {"name": "any", "type": ["int", "string"]},
        {"name": "at", "type": {"type": "array", "items": {"type": "record", "name": "P", "fields": [
            {"name": "y", "type": ["null", "double"]}]}}},
        {"name": "long", "type": {"type": "array", "items": "int"}},
    ]}  # fmt: skip
    values = []
    for n in range(40):
        body = io.BytesIO()
        row = {
            "id": n,
            "x": n / 3,
            "day": n,
            "in": {"s": "ab"[n % 2]},
            "list": [1],
            "any": 1,
            "at": [{"y": n / 7}] * (n % 3),
            "long": [n] * (n % 6),
        }
        fastavro.schemaless_writer(body, schema, row)
        values.append(body.getvalue())
    path = f"{tmp_path}/r.avsc"
    Path(path).write_text(json.dumps(schema))
    found, stream = topic(values, Told(schema_file=path))
    assert {name: (column.type, column.required) for name, column in stream.columns.items()} == {
        "id": ("int64", True), "x": ("float64", False), "day": ("date", True), "in_s": ("string", True),
        "list_0": ("int32", False), "at_0_y": ("float64", False), "at_1_y": ("float64", False),
        "record_time": ("timestamp", False),
    }  # fmt: skip
    assert set(found.not_columns) == {"long", "any"}
    assert not found.notes


def test_where_no_value_says_when_the_record_does() -> None:
    found, stream = topic(lines(*({"record_time": n, "x": n / 2} for n in range(40))))
    assert (stream.event_time, stream.columns["record_time_2"].timestamp) == ("record_time_2", True)
    assert not list(changes(stream, found, Refusals()))
    assert as_json(found)["columns"]["record_time_2"]["timestamp"] is True
    assert topic(lines(*({"at": f"2024-01-0{n}T00:00:00Z", "x": n} for n in range(1, 9))))[1].event_time == "at"


@pytest.mark.parametrize(
    ("values", "told", "said"),
    [
        ([None], Told(), "no record with a value"), ([b"\0\0\0\0\x07\x02"], Told(), "schema id 7: say where their"),
        ([b"\x02\x04"], Told("avro"), "--schema-registry, or"), ([b"[1]"], Told("json"), "no JSON object"),
        ([b"\xff\xfe"], Told(), "no record is UTF-8 text"), ([b'{"a": {}}'], Told(), "no value in its records"),
    ],
)  # fmt: skip
def test_what_cannot_be_described_is_told(values: list[bytes | None], told: Told, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        topic(values, told)
