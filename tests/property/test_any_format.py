"""Whatever bytes a topic holds, in each format: row k is record k, and no record is lost or doubled."""

from __future__ import annotations

import base64
import csv
import gc
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.record_path import Step
from contract.stream import Stream, parse_stream
from pipeline.land.formats.avro.decoded import decoded, one_record
from pipeline.land.formats.avro.schema import read_schema
from pipeline.land.formats.avro.values import python_values
from pipeline.land.formats.value_format import Schemas
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.reject import Reject, encode_rejects
from tests.avro import MemoryRegistry, framed, written
from tests.chunks import chunk

COLUMNS: dict[str, str] = {
    "i": "int32", "j": "int64", "f": "float64", "b": "bool", "s": "string", "t": "timestamp", "d": "decimal(20,3)",
    "day": "date", "at": "time", "raw": "binary", "r": "{type: int32, required: true}",
}  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": st.none() | st.integers(-(2**31), 2**31 - 1),
    "j": st.none() | st.integers(-(2**63), 2**63 - 1),
    "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "b": st.none() | st.booleans(),
    # In a line, a cell without a letter is a null.
    "s": st.none() | TEXT.filter(bool),
    "t": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    "d": st.none() | st.integers(-(10**20) + 1, 10**20 - 1).map(lambda d: Decimal(f"{d}e-3")),
    "day": st.none() | st.dates(),
    "at": st.none() | st.times(),
    "raw": st.none() | st.binary(min_size=1, max_size=5),
    "r": st.integers(-(2**31), 2**31 - 1),
}
ROWS = st.fixed_dictionaries(VALUES)
_LOGICAL = {
    "i": "int", "j": "long", "f": "double", "b": "boolean", "s": "string", "raw": "bytes",
    "t": {"type": "long", "logicalType": "timestamp-micros"},
    "d": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3},
    "day": {"type": "int", "logicalType": "date"}, "at": {"type": "long", "logicalType": "time-micros"},
}  # fmt: skip


def _avro(*more: Any) -> dict[str, Any]:
    fields = [{"name": name, "type": ["null", of]} for name, of in _LOGICAL.items()]
    return {"type": "record", "name": "R", "fields": [*fields, {"name": "r", "type": "int"}, *more]}


# The second is of the kind that is read one record after the other; the third is by whoever changed the schema.
SCHEMAS = {
    1: _avro(),
    2: _avro({"name": "more", "type": {"type": "array", "items": "int"}, "default": []}),
    3: {**_avro(), "fields": [*reversed(_avro()["fields"]), {"name": "new", "type": ["null", "string"]}]},
}


EVENTS = {
    number: {
        "type": "record", "name": "Event",
        "fields": [{"name": "op", "type": "string"}, {"name": "after", "type": ["null", schema]}],
    }
    for number, schema in SCHEMAS.items()
}  # fmt: skip


def _avro_event(row: dict[str, Any] | None, number: int) -> bytes:
    after = None if row is None else {"more": [1], "new": None, **row}
    return framed(number, written(EVENTS[number], {"op": "d" if row is None else "u", "after": after}))


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date | time):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | float | str | None) else _text(value) for name, value in row.items()}


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(_plain(row)).encode()


def _event(row: dict[str, Any] | None, number: int) -> bytes:
    event = {"op": "d" if row is None else "u", "before": {"r": 1}, "after": None if row is None else _plain(row)}
    return json.dumps({"schema": {}, "payload": event} if number == 2 else event).encode()


def _line(row: dict[str, Any]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerow("" if row[name] is None else _text(row[name]) for name in COLUMNS)
    return file.getvalue().encode()


@dataclass(frozen=True)
class Format:
    """How a stream file says it, and how a producer writes a row."""

    records: str
    write: Callable[[dict[str, Any], int], bytes]
    hostile: tuple[bytes, ...] = ()
    deletes: tuple[bytes, ...] = ()
    schemas: Mapping[int, Any] = field(default_factory=lambda: SCHEMAS)

    def stream(self) -> Stream:
        """Return a stream of such records."""
        columns = "".join(f"  {name}: {of}\n" for name, of in COLUMNS.items())
        return parse_stream(
            f"name: s\ntopic: s\nrecords: {{{self.records}}}\ncolumns:\n{columns}cut: {{rows: 1}}\nfeatures: [f]\n"
            "model: {k: 2}\n",
            "s.yaml",
        )

    def reader(self) -> WholeRecords:
        """Return what reads them."""
        in_file = read_schema(json.dumps(SCHEMAS[1])) if "schema_file" in self.records else None
        return WholeRecords(self.stream(), Schemas(None if in_file else MemoryRegistry(dict(self.schemas)), in_file))


_GOOD = {**dict.fromkeys(COLUMNS), "r": 1}
_BODY = written(SCHEMAS[1], _GOOD)
FORMATS = {
    "json": Format("format: json", lambda row, _: _json(row), (b'{"r":1}{"r":2}', b'"r":3}}', framed(42, b"{}"))),
    "json, framed": Format(
        "format: json, schema_registry: 'http://r'", lambda row, number: framed(number, _json(row)),
        (b'{"r":1}', framed(1, b""), framed(1, b'{"r":1}{"r":2}')),
    ),
    "avro, registry": Format(
        "format: avro, schema_registry: 'http://r'",
        lambda row, number: framed(number, written(SCHEMAS[number], {"more": [1], "new": None, **row})),
        (
            *(framed(number, _BODY + _BODY) for number in (1, 2, 3)), framed(1, _BODY[:-1]), framed(9, _BODY),
            framed(2**31, _BODY), framed(2**32 - 1, b""), b"\0", b"\1" + _BODY, framed(1, b"\xff" * 30),
            framed(1, b"\x02" * 40), framed(2, _BODY[:-1] + b"\xff" * 9 + b"\x01"), framed(1, b"\x04" + _BODY[1:]),
            framed(1, b"\0" * 4 + b"\x02\x02\xff" + b"\0" * 6),
        ),
    ),
    "avro, file": Format(
        "format: avro, schema_file: s.avsc", lambda row, _: written(SCHEMAS[1], row),
        (_BODY + _BODY, _BODY[:-1], framed(42, _BODY), b"\xc3\x01" + bytes(8) + _BODY, b"\xff" * 12),
    ),
    "json, events": Format(
        "envelope: debezium", _event, (b'{"op":"t"}', b'{"op":"u","after":null}', b'{"op":1}', b'{"r":1}'),
        (_event(None, 1), _event(None, 2)),
    ),
    "json, framed, events": Format(
        "envelope: debezium, schema_registry: 'http://r'", lambda row, number: framed(number, _event(row, number)),
        (b"xx", _event(None, 1), framed(1, b'{"op":"m"}')), (framed(1, _event(None, 1)), framed(7, _event(None, 2))),
    ),
    "avro, events": Format(
        "format: avro, schema_registry: 'http://r', envelope: debezium", _avro_event,
        (b"xx", framed(9, b""), framed(1, b"\x02t\0"), framed(1, b"\x02u\0"), framed(2, b"\x02d\0\0")),
        tuple(_avro_event(None, number) for number in (1, 2, 3)), EVENTS,
    ),
    "json, tombstones": Format("tombstones: skip", lambda row, _: _json(row), (b"null", b"{}")),
    "csv": Format(
        "format: csv, tombstones: skip", lambda row, _: _line(row),
        (
            b"", b"\n", b'"', b"a\nb", b"1,2", b",,,,,,,,,,\n", b"," * 40, b"\xff,,,,,,,,,,1", b"x,,,,,,,,,,1",
            b'"a"b,,,,,,,,,,1', framed(42, b","),
        ),
    ),
}  # fmt: skip


_Record = tuple[bytes | None, bytes | None, dict[str, Any] | None]
"""Key, value, and the row that it has to be, where that is known."""


def _records(of: Format) -> st.SearchStrategy[_Record]:
    key = st.sampled_from([b"k", None])
    valid = st.tuples(ROWS, st.sampled_from([1, 2, 3])).map(lambda given: (of.write(*given), given[0]))
    torn = st.tuples(valid, st.integers(0, 60), st.binary(max_size=4)).map(
        lambda given: (given[0][0][: given[1]] + given[2], None)
    )
    listed = st.tuples(st.sampled_from([None, b"", *of.hostile, *of.deletes]), st.none())
    values = st.one_of(valid, valid, torn, listed, st.tuples(st.binary(max_size=40), st.none()))
    return st.tuples(key, values).map(lambda given: (given[0], *given[1]))


@pytest.mark.parametrize("name", FORMATS)
def test_each_record_is_one_row_or_one_reject_or_skipped(name: str) -> None:
    of = FORMATS[name]
    reader = of.reader()
    skips = of.stream().records.skips_tombstones
    listed: list[_Record] = [(b"k", value, None) for value in (*of.hostile[:1], *of.deletes, *of.hostile)]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(_records(of), max_size=20))
    @example([(None, None, None), (b"k", None, None), (b"k", b"", None), *listed])
    @example([(b"k", of.write(_GOOD, 1), _GOOD), *listed, (b"k", of.write(_GOOD, 2), _GOOD)])
    def any_bytes(batch: list[_Record]) -> None:
        keys, values = [key for key, _, _ in batch], [value for _, value, _ in batch]
        parsed = reader.parse(chunk(values, keys=keys))
        skipped = parsed.skipped.tolist()
        rejected = [record.index for record in parsed.rejected]
        assert sorted([*parsed.indexes.tolist(), *rejected, *skipped]) == list(range(len(values)))
        for indexes in (parsed.indexes.tolist(), rejected, skipped, parsed.deletes.tolist()):
            assert indexes == sorted(indexes)
        deletes = {index for index, value in enumerate(values) if value in of.deletes}
        tombstones = {index for index, key in enumerate(keys) if skips and key and values[index] is None}
        assert deletes <= set(parsed.deletes.tolist())
        assert set(skipped) == tombstones | set(parsed.deletes.tolist())
        assert all(record.reason and len(record.reason) <= 300 for record in parsed.rejected)
        parsed.rows.validate(full=True)
        landed = dict(zip(parsed.indexes.tolist(), parsed.rows.to_pylist(), strict=True))
        for index, (key, value, row) in enumerate(batch):
            if row is not None:
                assert landed[index] == row, value
            alone = reader.parse(chunk([value], keys=[key]))
            assert alone.rows.to_pylist() == ([landed[index]] if index in landed else [])
            assert len(alone.deletes) == parsed.deletes.tolist().count(index)

    any_bytes()


@pytest.mark.parametrize("name", FORMATS)
def test_no_record_waits_for_the_collector_of_cycles(name: str) -> None:
    """It runs once a second at most while landing, and a reject may have a megabyte."""
    of = FORMATS[name]
    reader = of.reader()
    values = [of.write(_GOOD, 1), None, b"", *of.hostile, *of.deletes]
    reader.parse(chunk(values))
    gc.collect()
    gc.disable()
    try:
        assert reader.parse(chunk(values)).rejected
        assert gc.collect() == 0
    finally:
        gc.enable()


LEAVES = st.sampled_from(
    ["null", "boolean", "int", "long", "float", "double", "string", "bytes", "enum", "fixed"]
)  # fmt: skip


LOOSE: list[Any] = [
    {"type": "array", "items": "int"}, {"type": "map", "values": ["null", "string"]}, ["null", "int", "string"],
    ["null", {"type": "array", "items": "double"}],
]  # fmt: skip


@st.composite
def flat_schemas(draw: st.DrawFn, depth: int = 2) -> Any:
    """Schemas of records whose fields are values, null, or other such records; some that are not alike in all."""
    fields = []
    for number in range(draw(st.integers(1, 4))):
        of: Any = draw(LEAVES)
        name = f"T{draw(st.uuids()).hex}"
        if of == "enum":
            of = {"type": "enum", "name": name, "symbols": ["A", "B", "C"]}
        elif of == "fixed":
            of = {"type": "fixed", "name": name, "size": draw(st.integers(1, 3))}
        if depth and draw(st.booleans()):
            of = draw(flat_schemas(depth=depth - 1))
        if of != "null" and draw(st.booleans()):
            of = draw(st.sampled_from([["null", of], [of, "null"]]))
        if not draw(st.integers(0, 5)):
            of = draw(st.sampled_from(LOOSE))
        fields.append({"name": f"f{number}", "type": of})
    return {"type": "record", "name": f"R{draw(st.uuids()).hex}", "fields": fields}


def _values(of: Any) -> st.SearchStrategy[Any]:
    if isinstance(of, list):
        return st.one_of([_values(branch) for branch in of])
    if isinstance(of, dict):
        if of["type"] == "record":
            return st.fixed_dictionaries({field["name"]: _values(field["type"]) for field in of["fields"]})
        if of["type"] == "array":
            return st.lists(_values(of["items"]), max_size=3)
        if of["type"] == "map":
            return st.dictionaries(TEXT, _values(of["values"]), max_size=2)
        return (
            st.sampled_from(of["symbols"])
            if of["type"] == "enum"
            else st.binary(min_size=of["size"], max_size=of["size"])
        )
    plain: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(), "boolean": st.booleans(), "int": VALUES["r"], "long": st.integers(-(2**63), 2**63 - 1),
        "float": st.floats(width=32), "double": st.floats(), "string": TEXT, "bytes": st.binary(max_size=4),
    }  # fmt: skip
    return plain[of]


def _leaves(schema: Any, steps: tuple[Step, ...] = ()) -> list[tuple[Step, ...]]:
    found: list[tuple[Step, ...]] = []
    for each_field in schema["fields"]:
        of = each_field["type"]
        inner = next(each for each in of if each != "null") if isinstance(of, list) else of
        if isinstance(inner, dict) and inner["type"] == "array":
            found.append((*steps, each_field["name"], 1))
        here = (*steps, each_field["name"])
        found += _leaves(inner, here) if isinstance(inner, dict) and inner["type"] == "record" else [here]
    return found


def _at(record: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        if record is None or (isinstance(step, int) and step >= len(record)):
            return None
        record = record[step]
    return record


@settings(max_examples=150, deadline=None)
@given(flat_schemas(), st.data())
def test_what_is_read_a_column_at_a_time_is_what_fastavro_reads(text: Any, data: st.DataObject) -> None:
    schema = read_schema(json.dumps(text))
    generated = [written(text, record) for record in data.draw(st.lists(_values(text), min_size=1, max_size=5))]
    bodies = generated[:]
    bodies += data.draw(
        st.lists(st.binary(max_size=30) | st.sampled_from(bodies).map(lambda body: body[:-1]), max_size=5)
    )
    leaves = _leaves(text)
    records, rows, faults = decoded(schema, bodies, frozenset(leaves))
    assert sorted([*rows.tolist(), *faults]) == list(range(len(bodies)))
    columns = {steps: python_values(records.values(steps)) for steps in leaves}
    assert set(range(len(generated))) <= set(rows.tolist())
    for place, row in enumerate(rows.tolist()):
        # What fastavro refuses is never a row.
        expected = one_record(schema, bodies[row])
        for steps, values in columns.items():
            assert repr(values[place]) == repr(_at(expected, steps))


def test_a_few_fields_that_are_not_alike_leave_the_others_to_be_read_as_columns() -> None:
    steady = [{"name": name, "type": ["null", "int"]} for name in "abcd"]
    inner = {"type": "record", "name": "I", "fields": [{"name": "x", "type": "int"}]}
    loose = [{"name": f"l{number}", "type": of} for number, of in enumerate([*LOOSE[:1], ["null", inner, "string"]])]
    text = {"type": "record", "name": "R", "fields": [*steady[:2], *loose, *steady[2:]]}
    schema = read_schema(json.dumps(text))
    assert schema.as_columns and set(schema.loose) == {("l0",), ("l1",)}
    plain = {name: number for number, name in enumerate("abcd")}
    bodies = [written(text, {**plain, "l0": [1, 2], "l1": of}) for of in ({"x": 7}, "no record", None)]
    wanted = frozenset({("d",), ("l0", 1), ("l1", "x")})
    records, rows, faults = decoded(schema, [*bodies, bodies[0][:-1], bodies[1] + b"\0"], wanted)
    assert rows.tolist() == [0, 1, 2] and sorted(faults) == [3, 4]
    found = {steps: list(python_values(records.values(steps))) for steps in wanted}
    assert found == {("d",): [3, 3, 3], ("l0", 1): [2, 2, 2], ("l1", "x"): [7, None, None]}
    assert records.there(("l1",)).tolist() == [True, False, False]


# What a schema may be made of, put together as nobody should.
_WORDS = st.sampled_from(
    [
        "null", "boolean", "int", "long", "float", "double", "string", "bytes", "record", "error", "enum", "fixed",
        "array", "map", "union", "R", "x", "decimal", "uuid", "timestamp-millis", "", "a.b", "1", "date",
        "\ud800", "\0",
    ]
)  # fmt: skip
_SCALARS = _WORDS | st.none() | st.booleans() | st.integers(-3, 20) | st.just(10**30) | st.floats(0, 1)
_KEYS = st.sampled_from(
    [
        "type", "name", "fields", "items", "values", "symbols", "size", "logicalType", "precision", "scale", "aliases",
        "default", "namespace", "doc", "order",
    ]
)  # fmt: skip
_ENUM = st.fixed_dictionaries(
    {"type": st.just("enum"), "name": st.sampled_from("EFG"), "symbols": st.lists(st.sampled_from("AB"), unique=True)}
)
_JSON = st.recursive(
    _SCALARS | _ENUM,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_FIELD = st.fixed_dictionaries(
    {"name": st.sampled_from(["r", "s", "f", "x"]), "type": _JSON | _WORDS},
    optional={"aliases": _JSON, "default": _JSON},
)


def _with(of: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "r", "type": "int"}, {"name": "s", "type": of}]}


@settings(max_examples=400, deadline=None)
@given(
    st.fixed_dictionaries({"type": st.just("record"), "name": st.just("R"), "fields": st.lists(_FIELD, max_size=4)})
    | _JSON,
    st.lists(st.binary(max_size=12), min_size=1, max_size=3),
)
@example({"type": "record", "name": "R", "fields": [{"name": "r", "type": "int", "aliases": 7}]}, [b"\0"])
@example({"type": "record", "name": "R", "fields": [{"name": "r", "type": "int", "aliases": [{}]}]}, [b"\0"])
@example(
    {
        "type": "record",
        "name": "R",
        "fields": [{"name": "raw", "type": {"type": "fixed", "name": "x", "size": 10**30}}],
    },
    [b"\0"],
)
@example(_with({"type": "enum", "name": "E", "symbols": []}), [b"\0\0"])
@example(_with("\ud800\n\0"), [b"\0\0"])
@example(_with({"type": "enum", "name": "\ud800"}), [b"\0\0"])
@example(_with({"type": "enum", "name": "E", "symbols": {"A": 1}}), [b"\0\0"])
def test_any_schema_is_read_by_or_refused(schema: Any, bodies: list[bytes]) -> None:
    of = FORMATS["avro, registry"]
    reader = WholeRecords(of.stream(), Schemas(MemoryRegistry({1: schema})))
    parsed = reader.parse(chunk([framed(1, body) for body in bodies]))
    places = [*parsed.indexes.tolist(), *(record.index for record in parsed.rejected)]
    assert sorted(places) == list(range(len(bodies)))
    assert encode_rejects(0, [Reject(record.index, 0, None, b"", record.reason) for record in parsed.rejected])
    assert all(record.reason.isprintable() for record in parsed.rejected)
