"""A column's value is where the stream file says: deep in the value, in a header, in the key, or the record's time."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from contract.stream import Stream, parse_stream
from pipeline.land.formats.avro.schema import read_schema
from pipeline.land.formats.value_format import Schemas
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.record_headers import UNREADABLE, Headers
from tests.avro import written
from tests.chunks import chunk


def stream(columns: str, more: str = "") -> Stream:
    rest = "cut: {rows: 1}\nfeatures: [x]\nmodel: {k: 2}\n"
    return parse_stream(f"name: s\ntopic: s\ncolumns:\n  x: float64\n{columns}\n{more}\n{rest}", "s.yaml")


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
        ({"geometry": {"coordinates": {}}}, "path geometry.coordinates[0]: geometry.coordinates is an object, and not"),
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


BESIDE = stream(
    "  who: {type: string, header: user}\n  n: {type: int32, header: n}\n  raw: {type: binary, header: raw}\n"
    "  day: {type: date, header: day, format: '%d.%m.%Y'}\n  price: {type: 'decimal(6,2)', header: price}\n"
    "  at: {type: timestamp, header: at, epoch: s}\n  k: {type: string, key: true}\n"
    "  sent: {type: timestamp, timestamp: true}\n"
)
SENT_MS = 1_700_000_000_123


def beside(*headers: tuple[str, bytes | None], key: bytes | None = b"k") -> list[dict[str, Any] | str]:
    """Return what becomes of a record between two others, of which the first has all headers and the last none."""
    plain = [("user", b"me"), ("n", b"1")]
    return landed(
        BESIDE, {"x": 1}, {"x": 2}, {"x": 3}, headers=[plain, list(headers), ()], keys=[b"a", key, None],
        times_ms=np.array([0, SENT_MS, -1]),
    )  # fmt: skip


def test_headers_the_key_and_the_time_are_read_as_the_cells_of_a_file_are() -> None:
    texts = [("day", b"31.01.2024"), ("price", b"12.5"), ("at", b"1700000000"), ("raw", b"\xff\x00"), ("n", b"7.0")]
    first, found, bare = beside(("user", b"one"), *texts, ("user", "zwölf".encode()))
    assert isinstance(first, dict) and (first["who"], first["n"], first["k"]) == ("me", 1, "a")
    assert found == {
        "x": 2.0, "who": "zwölf", "n": 7, "raw": b"\xff\x00", "day": date(2024, 1, 31), "price": Decimal("12.50"),
        "at": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "k": "k",
        "sent": datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC),
    }  # fmt: skip
    # What is not there, or has no value, is null; so is the time that Kafka does not know.
    assert bare == {**dict.fromkeys(BESIDE.columns), "x": 3.0}
    assert beside(("user", None), ("n", b""))[1] == {
        **dict.fromkeys(BESIDE.columns), "x": 2.0, "k": "k", "sent": datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (("n", b"many"), "column 'n': many is not a whole number"),
        (("at", b"now"), "column 'at': now is not a number of s since 1970"),
        (("n", b"2147483648"), "column 'n': 2147483648 does not fit into 32 bits"),
        (("user", b"\xff"), "column 'who': header 'user' is not UTF-8"),
        (("day", b"2024-01-31"), "column 'day': '2024-01-31' is not as '%d.%m.%Y' says"),
        (("price", b"1.234"), "column 'price': 1.234 has more than 4 digits before the point and 2 behind it"),
    ],
)
def test_a_header_that_is_none_of_its_columns_type_rejects_its_record_alone(
    header: tuple[str, bytes], said: str
) -> None:
    before, found, behind = beside(header)
    assert said in str(found) and isinstance(before, dict) and isinstance(behind, dict)


def test_headers_that_the_client_cannot_tell_reject_their_record_where_a_column_is_from_one() -> None:
    said = "headers: the name of one is not UTF-8, and the client tells none of them"
    good: Headers = [("user", b"me")]
    first, found, last = landed(BESIDE, {"x": 1}, {"x": 2}, {"x": 3}, headers=[good, UNREADABLE, good])
    assert found == said
    assert isinstance(first, dict) and isinstance(last, dict) and first["who"] == last["who"] == "me"
    assert isinstance(landed(NESTED, {"x": 1}, headers=[UNREADABLE])[0], dict)


@pytest.mark.parametrize(
    ("record", "strange"),
    [
        ({"d": None}, False), ({"d": {"a": None}}, False), ({"l": None}, False), ({"l": [None]}, False),
        ({"d": {}}, True), ({"l": []}, True), ({"d": {"c": 1}}, True), ({}, True),
    ],
)  # fmt: skip
def test_a_null_on_the_way_is_no_strange_record(record: dict[str, Any], *, strange: bool) -> None:
    of = parse_stream(
        "name: s\ntopic: s\ncolumns:\n  a: {type: float64, path: d.a}\n  b: {type: int32, path: 'l[0].b'}\n"
        "cut: {rows: 1}\nfeatures: [a]\nmodel: {k: 2}\n",
        "s.yaml",
    )
    parsed = WholeRecords(of).parse(chunk([json.dumps(record).encode()]))
    assert parsed.strangers == ((0,) if strange else ())


def test_a_key_that_is_no_text_and_a_time_beyond_all_years_reject_their_records_alone() -> None:
    assert "column 'k': the key is not UTF-8" in str(beside(key=b"\xff")[1])
    times = np.array([2**62, 5])
    beyond, behind = landed(BESIDE, {"x": 1}, {"x": 2}, times_ms=times)
    assert beyond == "column 'sent': the record's time is outside the years 1 to 9999" and isinstance(behind, dict)


def test_a_path_leads_into_a_key_that_is_json() -> None:
    of = stream("  id: {type: int64, key: id, required: true}\n  part: {type: string, key: 'of.part'}")
    keys = [b'{"id":1,"of":{"part":"a"},"more":2}', b"7", b'{"id":"x"}', b'{"id":2,"of":3}', None, b'{"id":5}']
    first, *others, last = landed(of, *({"x": n} for n in range(6)), keys=keys)
    assert first == {"x": 0.0, "id": 1, "part": "a"} and last == {"x": 5.0, "id": 5, "part": None}
    reasons = [
        "key: JSON, but not an object", "key: not of the schema: ", "path of.part: of is a number",
        "column 'id' is required, and absent",
    ]  # fmt: skip
    for found, said in zip(others, reasons, strict=True):
        assert said in str(found)


def test_a_column_beside_the_value_may_be_required_and_its_stream_may_have_none_in_it() -> None:
    of = parse_stream(
        "name: s\ntopic: s\ncolumns:\n  n: {type: float64, header: n, required: true}\n"
        "cut: {rows: 1}\nfeatures: [n]\nmodel: {k: 2}\n",
        "s.yaml",
    )
    found = landed(of, {}, {"any": 1}, b"text", headers=[[("n", b"1.5")], [], []])
    assert found[:2] == [{"n": 1.5}, "column 'n' is required, and absent"] and "not JSON" in str(found[2])
    assert WholeRecords(of).parse(chunk([b"{}"], headers=[[("n", b"nan")]])).rejected[0].reason.startswith("column 'n'")


TOMBSTONES = stream("  s: string", "records: {tombstones: skip}")


def test_a_tombstone_is_skipped_where_the_stream_file_says_so_and_has_a_key() -> None:
    values, keys = [{"x": 1}, None, None, b"", {"x": 2}], [b"a", b"a", None, b"b", None]
    found = landed(TOMBSTONES, *values, keys=keys)
    assert found[1] == "skipped" and "tombstone: the record has neither key nor value" in str(found[2])
    assert "empty" in str(found[3]) and found[0] == {"x": 1.0, "s": None} and found[4] == {"x": 2.0, "s": None}
    rejecting = landed(stream("  s: string"), *values, keys=keys)
    assert str(rejecting[1]).startswith("tombstone: the record has no value")


EVENTS = stream(
    "  id: {type: int64, required: true}\n  name: string\n  city: {type: string, path: address.city}\n"
    "  op: {type: string, path: $.op}\n  table: {type: string, path: $.source.table}\n"
    "  at: {type: timestamp, path: $.ts_ms, epoch: ms}",
    "records: {tombstones: skip, envelope: debezium}",
)


def event(op: object, after: object, **more: object) -> dict[str, object]:
    return {"before": {"id": 0}, "after": after, "op": op, "source": {"table": "t", "lsn": 1}, "ts_ms": 1_000, **more}


@pytest.mark.parametrize("wrapped", [False, True])
def test_change_events_are_rows_deletes_or_rejects_with_words(*, wrapped: bool) -> None:
    row = {"x": 0.5, "id": 1, "name": "ä", "address": {"city": "Ulm"}, "other": [1]}
    events = [
        event("c", row),
        event("r", row),
        event("u", row),
        event("d", None),
        event("t", None),
        event("m", None, message={}),
        event("c", None),
        event("z", row),
        event(None, row),
        event(5, row),
        event("u", "text"),
        {"op": "c"},
        {"x": 1},
        event("c", {}),
        event("u", {"id": 3, "address": 4}),
    ]
    given = [{"schema": {"type": "struct"}, "payload": each} for each in events] if wrapped else events
    found = landed(EVENTS, *given, None, keys=[b"k"] * (len(given) + 1))
    expected = {
        "x": 0.5, "id": 1, "name": "ä", "city": "Ulm", "table": "t", "at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    }  # fmt: skip
    assert found[:5] == [*({**expected, "op": op} for op in "cru"), "skipped", found[4]] and found[-1] == "skipped"
    reasons = [
        "change event 't': the table was emptied", "change event 'm': a message", "change event 'c' without a row",
        "change event 'z': not one that is known", "no change event: `op` is missing", "`op` is a number",
        "after is text, and not an object", "without a row in `after`", "no change event: `op` is missing",
        "column 'id' is required, and absent", "address is a number, and not an object",
    ]  # fmt: skip
    for reason, said in zip(found[4:-1], reasons, strict=True):
        assert said in str(reason)
    parsed = WholeRecords(EVENTS).parse(chunk([json.dumps(each).encode() for each in given]))
    assert parsed.deletes.tolist() == [3] and parsed.strangers == ()


def test_an_event_whose_row_has_none_of_the_columns_is_a_stranger() -> None:
    of = stream("  name: string", "records: {envelope: debezium}")
    parsed = WholeRecords(of).parse(chunk([json.dumps(event("c", {"other": 1})).encode()] * 3))
    assert parsed.strangers == (0, 1, 2) and parsed.ignored_keys == 3
    assert "its keys are 'other'" in str(WholeRecords(of).why_no_column(json.dumps(event("c", {"other": 1})).encode()))


def test_a_change_event_without_a_column_in_it_still_says_what_became_of_its_row() -> None:
    of = parse_stream(
        "name: s\ntopic: s\ncolumns:\n  n: {type: float64, header: n}\nrecords: {envelope: debezium}\n"
        "cut: {rows: 1}\nfeatures: [n]\nmodel: {k: 2}\n",
        "s.yaml",
    )
    found = landed(of, event("c", {"a": 1}), event("d", None), event("t", None), headers=[[("n", b"1")]] * 3)
    assert found[:2] == [{"n": 1.0}, "skipped"] and "emptied" in str(found[2])


@pytest.mark.parametrize("of", ["json", "avro"])
def test_a_value_that_an_event_does_not_tell_is_no_text(of: str) -> None:
    untold = "__debezium_unavailable_value"
    avro = "format: avro, schema_file: s.avsc, "
    events = stream(
        "  body: string\n  raw: binary\n  who: {type: string, header: who}",
        f"records: {{{avro if of == 'avro' else ''}envelope: debezium}}",
    )
    fields = [{"name": name, "type": kind} for name, kind in (("x", "double"), ("body", "string"), ("raw", "bytes"))]
    after = {"type": "record", "name": "Row", "fields": fields}
    schema = {
        "type": "record",
        "name": "E",
        "fields": [{"name": "op", "type": "string"}, {"name": "after", "type": after}],
    }
    rows: list[tuple[str, bytes]] = [("a", b"b"), (untold, b"b"), ("a", untold.encode()), (f"{untold}!", b"c")]
    values = [
        written(schema, {"op": "u", "after": {"x": 1.0, "body": body, "raw": raw}})
        if of == "avro"
        else json.dumps(event("u", {"x": 1, "body": body, "raw": base64.b64encode(raw).decode()})).encode()
        for body, raw in rows
    ]
    schemas = Schemas(in_file=read_schema(json.dumps(schema)))
    parsed = WholeRecords(events, schemas).parse(chunk(values, headers=[[("who", untold.encode())]] * len(values)))
    assert parsed.indexes.tolist() == [0, 3] and parsed.rows["who"].to_pylist() == [untold] * 2
    assert [(each.index, each.reason.partition(":")[0]) for each in parsed.rejected] == [
        (1, "column 'body' did not change, and the event does not tell its value"),
        (2, "column 'raw' did not change, and the event does not tell its value"),
    ]


@pytest.mark.parametrize(
    ("told", "skipped"), [("", True), (", tombstones: skip", True), (", tombstones: reject", False)]
)
def test_a_tombstone_behind_a_delete_is_skipped_unless_it_is_told_otherwise(told: str, *, skipped: bool) -> None:
    of = stream("  name: string", f"records: {{envelope: debezium{told}}}")
    _, tombstone = landed(of, event("d", None), None, keys=[b"k", b"k"])
    assert (tombstone == "skipped") is skipped
