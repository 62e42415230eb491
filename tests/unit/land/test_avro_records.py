"""Avro values become rows of the columns that the stream file asks for, or rejects that say why not."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from contract.stream import Stream, parse_stream
from pipeline.land.formats.avro.records import AvroRecords
from pipeline.land.formats.avro.schema import read_schema
from pipeline.land.formats.avro.written import ByFile, ByRegistry
from pipeline.land.formats.format import ParsedValues
from tests.avro import MemoryRegistry, framed, written


def stream(columns: str, records: str = "format: avro, schema_registry: 'http://127.0.0.1:1'") -> Stream:
    return parse_stream(
        f"name: s\ntopic: s\nrecords: {{{records}}}\ncolumns:\n{columns}\n  n: {{type: float64}}\n"
        "cut: {rows: 10}\nfeatures: [n]\nmodel: {k: 2}\n",
        "s.yaml",
    )


def record(*fields: Any, name: str = "R") -> dict[str, Any]:
    keys = "name", "type", "default"
    return {"type": "record", "name": name, "fields": [dict(zip(keys, given, strict=False)) for given in fields]}


def parsed(columns: str, schemas: dict[int, Any], values: list[bytes], reading: Any = None) -> ParsedValues:
    read = None if reading is None else read_schema(json.dumps(reading))
    return AvroRecords(stream(columns), ByRegistry(MemoryRegistry(schemas), read)).parse(values)


def one(kind: Any, column: str, value: Any) -> Any:
    """Return what a field of type ``kind`` becomes in a ``column``: the value, or the reason of the reject."""
    # The writer is given what stands in the record, but for decimals.
    bare = {key: of for key, of in kind.items() if key != "logicalType"} if isinstance(kind, dict) else kind
    body = written(record(("x", kind if isinstance(value, Decimal) else bare)), {"x": value})
    found = parsed(f"  x: {column}", {7: record(("x", kind))}, [framed(7, body)])
    return found.rejected[0].reason if found.rejected else found.rows["x"].to_pylist()[0]


def logical(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


NOON = 1_700_000_000_123_456

TABLE: list[tuple[Any, str, Any, Any]] = [
    ("int", "int32", -5, -5),
    ("int", "int64", 5, 5),
    ("int", "float64", 5, 5.0),
    ("int", "decimal(12,2)", 5, Decimal("5.00")),
    ("long", "int64", 2**62, 2**62),
    ("long", "int32", 7, 7),
    ("float", "float32", 0.5, 0.5),
    ("float", "float64", 0.5, 0.5),
    ("double", "float64", 0.1, 0.1),
    ("boolean", "bool", True, True),
    ("string", "string", "é", "é"),
    ("bytes", "binary", b"\x00\xff", b"\x00\xff"),
    ({"type": "fixed", "name": "F", "size": 2}, "binary", b"ab", b"ab"),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "string", "B", "B"),
    (["null", "int"], "int32", None, None),
    (["int", "null"], "int32", 3, 3),
    (["null", "int", "long"], "int64", 2**40, 2**40),
    (["null", "float", "double"], "float64", 0.25, 0.25),
    (["null", "string", "int"], "int32", 4, 4),
    (["null", "int", "string"], "decimal(5,2)", "1.25", Decimal("1.25")),
    ("null", "string", None, None),
    (logical("int", "date"), "date", 19_000, date(2022, 1, 8)),
    (logical("int", "time-millis"), "time", 1_500, time(0, 0, 1, 500_000)),
    (logical("long", "time-micros"), "time", 1_500, time(0, 0, 0, 1_500)),
    (logical("long", "timestamp-millis"), "timestamp", NOON // 1000, datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)),
    (logical("long", "timestamp-micros"), "timestamp", NOON, datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)),
    (logical("long", "timestamp-micros"), "timestamp", -1, datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)),
    (logical("long", "local-timestamp-millis"), "timestamp", 1_000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    (
        logical("long", "local-timestamp-micros"), "{type: timestamp, zone: Europe/Berlin}", NOON,
        datetime(2023, 11, 14, 21, 13, 20, 123_456, UTC),
    ),
    ("long", "{type: timestamp, epoch: ms}", 1_000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    (logical("long", "timestamp-millis"), "{type: timestamp, epoch: ms}", 0, datetime(1970, 1, 1, tzinfo=UTC)),
    ("string", "timestamp", "2013-01-01T05:00:00Z", datetime(2013, 1, 1, 5, tzinfo=UTC)),
    ("string", "date", "2013-01-01", date(2013, 1, 1)),
    ("string", "time", "05:00", time(5)),
    ("string", "decimal(5,1)", "2.5", Decimal("2.5")),
    (logical("bytes", "decimal", precision=10, scale=2), "decimal(10,2)", Decimal("-1234.50"), Decimal("-1234.50")),
    (logical("bytes", "decimal", precision=10, scale=2), "decimal(12,4)", Decimal("1.25"), Decimal("1.2500")),
    (
        {"type": "fixed", "name": "D", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 0},
        "decimal(38,0)", Decimal(10**38 - 1), Decimal(10**38 - 1),
    ),
    (logical("string", "uuid"), "string", str(uuid.UUID(int=7)), str(uuid.UUID(int=7))),
    (
        {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"},
        "string", uuid.UUID(int=9).bytes, str(uuid.UUID(int=9)),
    ),
    (logical("string", "nobody-knows"), "string", "x", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "column", "value", "expected"), TABLE)
def test_a_value_becomes_what_the_table_says(kind: Any, column: str, value: Any, expected: Any) -> None:
    assert one(kind, column, value) == expected


@pytest.mark.parametrize(
    ("kind", "column", "words"),
    [
        ("double", "int32", "schema id 7: field 'x' is double, which column 'x' of type int32 cannot hold; its"),
        ("double", "float32", "its type would be float64"),
        ("long", "string", "its type would be int64"),
        ("long", "timestamp", "say `epoch: s`, ms, us or ns"),
        ("string", "int32", "its type would be string"),
        (logical("long", "timestamp-millis"), "{type: timestamp, epoch: s}", "leave `epoch` out"),
        (logical("bytes", "decimal", precision=9, scale=2), "float64", "its type would be decimal(9,2)"),
        (record(("y", "int"), name="Inner"), "string", "a `path` leads to a value in it"),
        ({"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, "int64", "its type would be binary"),
        (["null", logical("long", "timestamp-millis"), "long"], "timestamp", "timestamp-millis or long"),
    ],
)  # fmt: skip
def test_what_a_column_cannot_hold_is_told_with_field_and_types(kind: Any, column: str, words: str) -> None:
    found = parsed(f"  x: {column}", {7: record(("x", kind))}, [framed(7, b"\0\0")])
    assert found.rows.num_rows == 0
    assert words in found.rejected[0].reason


@pytest.mark.parametrize(
    ("kind", "column", "value", "words"),
    [
        ("long", "int32", 2**31, "not in range"),
        ("long", "float64", 2**53 + 1, "not in range"),
        ("int", "float32", 2**24 + 1, "not in range"),
        ("int", "decimal(3,2)", 1000, "column 'x'"),
        (["null", "int", "string"], "int32", "many", "no int32: 'many'"),
        (logical("bytes", "decimal", precision=10, scale=4), "decimal(10,2)", Decimal("1.2345"), "digits"),
        ("string", "timestamp", "yesterday", "no ISO 8601 time"),
    ],
)
def test_a_value_that_does_not_fit_is_rejected_and_its_neighbours_are_rows(
    kind: Any, column: str, value: Any, words: str
) -> None:
    schema = record(("x", ["null", kind] if not isinstance(kind, list) else kind))
    values = [framed(7, written(schema, {"x": each})) for each in (None, value, None)]
    found = parsed(f"  x: {column}", {7: schema}, values)
    assert found.indexes.tolist() == [0, 2]
    assert [each.index for each in found.rejected] == [1]
    assert words in found.rejected[0].reason


def test_paths_lead_into_records_arrays_and_maps() -> None:
    inner = record(("b", {"type": "array", "items": record(("c", ["null", "string"]), name="Item")}), name="Inner")
    schema = record(("a", ["null", inner]), ("m", {"type": "map", "values": "int"}))
    columns = "  c: {type: string, path: 'a.b[1].c'}\n  m: {type: int32, path: m.k}"
    values = [
        framed(7, written(schema, each))
        for each in (
            {"a": {"b": [{"c": "x"}, {"c": "y"}]}, "m": {"k": 1}},
            {"a": {"b": [{"c": "x"}]}, "m": {}},
            {"a": None, "m": {"other": 2}},
        )
    ]
    assert parsed(columns, {7: schema}, values).rows.select(["c", "m"]).to_pylist() == [
        {"c": "y", "m": 1}, {"c": None, "m": None}, {"c": None, "m": None},
    ]  # fmt: skip
    through = parsed("  c: {type: string, path: m.k.c}", {7: schema}, values)
    assert "is int, and the path of column 'c' leads through a record" in through.rejected[0].reason


def test_the_schema_changes_in_mid_stream() -> None:
    old, new = record(("x", "int")), record(("x", "long"), ("y", "string"), ("z", "int"))
    registry = MemoryRegistry({1: old, 2: new})
    reader = AvroRecords(stream("  x: int64\n  y: string"), ByRegistry(registry))
    values = [
        framed(1, written(old, {"x": 1})),
        framed(2, written(new, {"x": 2**40, "y": "b", "z": 0})),
        framed(1, written(old, {"x": 3})),
        framed(3, b"\x02"),
        framed(2**31, b"\x02"),
    ]
    for _ in range(2):
        found = reader.parse(values)
        assert found.rows.select(["x", "y"]).to_pylist() == [
            {"x": 1, "y": None}, {"x": 2**40, "y": "b"}, {"x": 3, "y": None},
        ]  # fmt: skip
        assert found.indexes.tolist() == [0, 1, 2]
        assert found.rejected[0].reason == "schema id 3: the registry does not know it"
        assert found.ignored_keys == 1
    assert registry.asked.count(1) == 1


def test_aliases_and_defaults_hold() -> None:
    old = record(("carrier", "string"))
    # A writer that calls a field otherwise now, and says how it was called before.
    renamed = {"type": "record", "name": "R", "fields": [{"name": "company", "aliases": ["carrier"], "type": "string"}]}
    # The schema that people read by.
    reading = {
        "type": "record", "name": "R", "fields": [
            {"name": "airline", "aliases": ["carrier"], "type": "string"},
            {"name": "seats", "type": ["int", "null"], "default": 150},
        ],
    }  # fmt: skip
    values = [framed(1, written(old, {"carrier": "UA"})), framed(2, written(renamed, {"company": "B6"}))]
    found = parsed("  carrier: string", {1: old, 2: renamed}, values)
    assert found.rows["carrier"].to_pylist() == ["UA", "B6"]
    found = parsed("  airline: string\n  seats: int32", {1: old, 2: renamed}, values, reading)
    assert found.rows.select(["airline", "seats"]).to_pylist()[0] == {"airline": "UA", "seats": 150}
    without = parsed("  airline: string\n  seats: int32", {1: old}, values[:1])
    assert without.rows["airline"].to_pylist() == [None]
    assert without.strangers == (0,)


def doubled(levels: int) -> dict[str, Any]:
    """Records without a value in each other, twice on each level."""
    inner = record(name="A0")
    for level in range(1, levels):
        inner = record(("a", inner), ("b", f"A{level - 1}"), name=f"A{level}")
    return record(("a", inner))


# One byte, and thousands of values that have none.
WIDE = record(("i", "int"), *((f"f{n}", "null") for n in range(9_000)), name="Wide")

HOSTILE_SCHEMAS: list[tuple[str, str]] = [
    ('{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}', "recursive"),
    ('{"type":"record","name":"N","fields":[{"name":"x","type":{"type":"array","items":"null"}}]}', "without a byte"),
    ("[" * 100_000 + "]" * 100_000, "JSON"),
    ('{"type":"array","items":' * 150 + '"int"' + "}" * 150, "nested"),
    ('"' + "x" * 1_100_000 + '"', "more than 1,048,576 bytes"),
    ('{"type":"record"}', "no Avro schema"),
    ("{", "not JSON"),
    ('"int"', "no record"),
    ("null", "no Avro schema"),
    (
        json.dumps(
            record(
                *(
                    (f"f{n}", record(*((f"g{m}", f"A{n - 1}" if n else "null") for m in range(3)), name=f"A{n}"))
                    for n in range(30)
                )
            )
        ),
        "more than 10,000 values",
    ),
    (json.dumps(record(("x", {"type": "enum", "name": "E", "symbols": []}))), "no list of names"),
    (json.dumps(record(("x", {"type": "enum", "name": "E", "symbols": "AB"}))), "no list of names"),
    (json.dumps(record(("x", "int"), ("x", "string"))), "two fields 'x'"),
    (json.dumps(doubled(40)), "more than 10,000 values"),
    *(
        (json.dumps(record(("x", "int"), ("y", holder))), "without a byte of their own")
        for holder in (
            {"type": "array", "items": WIDE}, {"type": "map", "values": WIDE}, ["null", WIDE], {**WIDE, "name": "Y"},
            {"type": "array", "items": ["null", {"type": "array", "items": WIDE}]},
        )
    ),
    (
        json.dumps(record(*((f"f{n}", {"type": "fixed", "name": f"F{n}", "size": 0}) for n in range(200)))),
        "without a byte of their own",
    ),
]  # fmt: skip


def test_a_wide_and_a_deep_schema_that_nobody_meant_harm_with_are_read() -> None:
    wide = record(*((f"f{n}", ["null", "int"]) for n in range(3_000)), ("x", "int"))
    deep = record(("y", "string"), name="D0")
    for level in range(1, 12):
        deep = record(("d", ["null", deep]), ("n", "null"), name=f"D{level}")
    listed = record(("x", "int"), ("l", {"type": "array", "items": deep}), ("m", {"type": "map", "values": "D11"}))
    for schema in (wide, listed):
        read_schema(json.dumps(schema))


@pytest.mark.parametrize(("text", "words"), HOSTILE_SCHEMAS)
def test_a_hostile_schema_is_refused_with_words(text: str, words: str) -> None:
    class Registry(MemoryRegistry):
        def schema(self, number: int) -> Any:
            from pipeline.land.registry_client import RegisteredSchema

            return RegisteredSchema(text)

    found = AvroRecords(stream("  x: int32"), ByRegistry(Registry())).parse([framed(9, b"\x02" * 1_000_000)])
    assert found.rejected[0].reason.startswith("schema id 9: ")
    assert words in found.rejected[0].reason
    assert len(found.rejected[0].reason) <= 300


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"", "empty"),
        (b"\0\0\0", "3 bytes"),
        (b'{"x":1}', "unknown magic byte 0x7b: Confluent framing begins with 0x00, and this is JSON"),
        (b"\xc3\x01" + bytes(9), "single objects"),
        (framed(7, b""), "not of its schema: the body ends in the middle"),
        (framed(7, b"\x02\x02"), "1 bytes are left behind the record"),
    ],
)
def test_what_is_no_record_is_rejected_with_words(value: bytes, words: str) -> None:
    schema = record(("x", "int"))
    good = framed(7, written(schema, {"x": 1}))
    registry = MemoryRegistry({7: schema})
    found = AvroRecords(stream("  x: int32"), ByRegistry(registry)).parse([good, value, good])
    assert found.indexes.tolist() == [0, 2]
    assert words in found.rejected[0].reason


LONG_NUMBERS = [b"\xff" * 9 + b"\x03", b"\x80" * 9 + b"\x7f", b"\xff" * 10 + b"\x01", b"\x80" * 12 + b"\x00"]


# How many fields are not alike in all records: of none, and of one beside others, the others are read as columns.
@pytest.mark.parametrize("loose", [0, 1, 2])
def test_a_number_that_has_more_bits_than_its_type_is_no_row(loose: int) -> None:
    tags = {"type": "array", "items": ["null", "long", "string"]}
    schema = record(("x", "int"), ("y", "long"), *((name, tags) for name in "tu"[:loose]))
    assert read_schema(json.dumps(schema)).as_columns == (loose < 2)
    rest = b"\0" * loose
    odd = [b"\x02" + long + rest for long in LONG_NUMBERS]
    if loose:
        odd += [b"\x02\x02\x02\x02" + long + b"\0" + rest[1:] for long in LONG_NUMBERS]
    good = [
        written(schema, {"x": -(2**31), "y": 2**63 - 1, "t": ["ж" * 20, -(2**63), None], "u": [1]}),
        written(schema, {"x": 2**31 - 1, "y": -(2**63), "t": [], "u": []}),
    ]
    too_wide = [written(record(("x", "long"), ("y", "long")), {"x": x, "y": 1}) + rest for x in (2**31, -(2**31) - 1)]
    values = [framed(7, body) for body in (*good, *odd, *too_wide)]
    found = parsed("  x: int64\n  y: int64", {7: schema}, values)
    assert found.rows.select(["x", "y"]).to_pylist() == [
        {"x": -(2**31), "y": 2**63 - 1}, {"x": 2**31 - 1, "y": -(2**63)},
    ]  # fmt: skip
    assert {each.reason for each in found.rejected[: len(odd)]} == {
        "not of its schema: a number of it has more than 64 bits"
    }
    assert all("more than 32 bits, and its schema says int" in each.reason for each in found.rejected[len(odd) :])


def test_a_file_has_the_schema_of_bare_and_of_single_objects() -> None:
    import fastavro.schema

    schema = record(("x", "int"))
    of_file = stream("  x: int32", "format: avro, schema_file: s.avsc")
    reader = AvroRecords(of_file, ByFile(read_schema(json.dumps(schema))))
    body = written(schema, {"x": 300})
    digest = fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(schema), "CRC-64-AVRO")
    found = reader.parse([body, b"\xc3\x01" + bytes.fromhex(digest) + body, framed(42, body)])
    assert found.rows["x"].to_pylist() == [300, 300]
    assert "Confluent framing, schema id 42" in found.rejected[0].reason


def test_change_events_say_rows_and_deletes() -> None:
    row = record(("x", "int"), name="Value")
    event = record(("before", ["null", row]), ("after", ["null", "Value"]), ("op", "string"), name="Envelope")
    more = {"name": "l", "type": {"type": "array", "items": "int"}}
    arrayed = {**event, "fields": [*event["fields"], more]}
    told = stream(
        "  x: int32\n  op: {type: string, path: $.op}",
        "format: avro, schema_registry: 'http://r', envelope: debezium",
    )
    events: list[dict[str, Any]] = [
        {"before": None, "after": {"x": 1}, "op": "c"},
        {"before": {"x": 1}, "after": {"x": 2}, "op": "u"},
        {"before": {"x": 2}, "after": None, "op": "d"},
        {"before": None, "after": None, "op": "t"},
    ]
    for schema in (event, arrayed):
        values = [framed(7, written(schema, {"l": [], **each})) for each in events]
        found = AvroRecords(told, ByRegistry(MemoryRegistry({7: schema}))).parse(values)
        assert found.rows.select(["x", "op"]).to_pylist() == [{"x": 1, "op": "c"}, {"x": 2, "op": "u"}]
        assert found.indexes.tolist() == [0, 1]
        assert (found.skipped.tolist(), found.deletes.tolist()) == ([2], [2])
        assert "the table was emptied" in found.rejected[0].reason
        assert found.ignored_keys == 0
