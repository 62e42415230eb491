"""CSV lines as records: one line is one row, of the cells' own types."""

from __future__ import annotations

from datetime import date

import pytest

from contract.stream import parse_stream
from pipeline.land.formats.format import ParsedValues
from pipeline.land.formats.whole_records import WholeRecords
from tests.chunks import chunk


def parsed(columns: str, values: list[bytes], records: str = "{format: csv}", more: str = "") -> ParsedValues:
    text = (
        f"name: s\ntopic: s\nrecords: {records}\ncolumns:\n{columns}\n  n: {{type: float64, header: h}}\n{more}\n"
        "cut: {rows: 1}\nfeatures: [n]\nmodel: {k: 2}\n"
    )
    return WholeRecords(parse_stream(text, "s.yaml")).parse(chunk(values))


def test_cells_are_read_as_those_of_a_file() -> None:
    columns = (
        "  a: string\n  x: {type: float64, percent: true}\n"
        '  day: {type: date, format: "%d.%m.%Y"}\n  b: bool\n  i: int64'
    )
    found = parsed(
        columns,
        [b"'o;ne';1.234,5 %;31.01.2024;yes;9007199254740993", b"NA;NA;NA;NA;NA\r\n", b"'two\nlines';1;01.02.2024;no;1"],
        "{format: csv, delimiter: ';', quote: \"'\", decimal: ',', thousands: '.'}",
        "null_values: [NA]",
    )
    rows = found.rows.select(["a", "x", "day", "b", "i"]).to_pylist()
    assert rows[0] == {"a": "o;ne", "x": 1234.5, "day": date(2024, 1, 31), "b": True, "i": 9007199254740993}
    assert rows[1] == dict.fromkeys(["a", "x", "day", "b", "i"])
    assert rows[2]["a"] == "two\nlines"


def test_columns_are_at_their_places() -> None:
    found = parsed("  b: {type: int32, from: 3}\n  a: {type: string, from: 1}", [b"x,-,7,more", b"y,-,8"])
    assert found.rows.select(["a", "b"]).to_pylist() == [{"a": "x", "b": 7}, {"a": "y", "b": 8}]


def test_what_a_line_does_not_have_is_null_as_in_any_record_unless_it_is_required() -> None:
    old = b"1,a"
    added = parsed("  i: int32\n  s: string\n  new: date", [old, b"2,b,2024-01-31", b"3"])
    assert added.rows.select(["i", "s", "new"]).to_pylist() == [
        {"i": 1, "s": "a", "new": None}, {"i": 2, "s": "b", "new": date(2024, 1, 31)}, {"i": 3, "s": None, "new": None},
    ]  # fmt: skip
    assert added.ignored_keys == 0
    needed = parsed(
        "  i: int32\n  s: string\n  new: {type: date, required: true}\n  last: bool", [old, b"2,b,2024-01-31"]
    )
    assert needed.indexes.tolist() == [1]
    assert needed.rejected[0].reason == "the line has 2 cells, and the first 3 are required; the delimiter is ','"
    assert parsed("  s: string\n  i: int32", [b'"a,b"']).rows["s"].to_pylist() == ["a,b"]
    placed = parsed("  b: {type: int32, from: 3}\n  a: {type: string, from: 1}", [b"x,-"])
    assert placed.rows.select(["a", "b"]).to_pylist() == [{"a": "x", "b": None}] and placed.ignored_keys == 0


@pytest.mark.parametrize(("delimiter", "line"), [("\\t", b"\t"), (",", b","), (" ", b" "), ("\\t", b"\t\r\n")])
def test_a_line_of_empty_cells_is_a_row_of_nulls(delimiter: str, line: bytes) -> None:
    found = parsed("  i: int32\n  s: string", [line], f'{{format: csv, delimiter: "{delimiter}"}}')
    assert found.rows.select(["i", "s"]).to_pylist() == [{"i": None, "s": None}]
    assert parsed("  s: string", [b"   "]).rows["s"].to_pylist() == ["   "]


def test_lines_of_which_no_cell_is_a_column_are_rows_all_the_same() -> None:
    text = "name: s\ntopic: s\nrecords: {format: csv}\ncolumns: {n: {type: float64, header: n}}\ncut: {rows: 1}\n"
    of = parse_stream(f"{text}features: [n]\nmodel: {{k: 2}}\n", "s.yaml")
    found = WholeRecords(of).parse(chunk([b"1,2", b"", b"\xff", b"x"], headers=[[("n", b"1.5")]] * 4))
    assert found.rows.to_pylist() == [{"n": 1.5}] * 2 and found.indexes.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"1;a", "the line is one cell, '1;a', and the columns are 2; the delimiter is ','"),
        (b"\n", "the line has no cells"),
        (b"1,2,3", "the line has 3 cells"),
        (b"one,a", "column 'i': one is not a whole number"),
        (b"3000000000,a", "column 'i': 3000000000 does not fit into 32 bits"),
        (b"1,\xff", "not UTF-8"),
        (b'1,"a', "not one CSV line"),
        (b"1,a\n2,b", "not one CSV line"),
        (b"", "empty"),
        (b"\0\0\0\0\x2a1,a", "Confluent framing, schema id 42"),
    ],
)
def test_what_is_no_line_of_the_stream_is_rejected_with_words(value: bytes, words: str) -> None:
    found = parsed("  i: int32\n  s: string", [b"1,a", value, b"2,b"])
    assert found.indexes.tolist() == [0, 2]
    assert words in found.rejected[0].reason


def test_json_without_a_registry_is_told_of_framing() -> None:
    found = parsed("  i: int32", [b'\0\0\0\0\x2a{"i":1}'], "{}")
    assert "Confluent framing, schema id 42" in found.rejected[0].reason
