"""How a file is written is found where it cannot be mistaken, told by the stream file, or asked for with its line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import sys
import threading
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from contract.errors import ConfigurationError, SourceFileError, StreamFileError
from contract.origin import Origin
from contract.stream import Stream, parse_stream
from pipeline.replay import json_array, lines
from pipeline.replay.event_time import event_time_of
from pipeline.replay.header import with_stream_file
from pipeline.replay.limits import limits_of
from pipeline.replay.opened import read_once
from pipeline.replay.place import bytes_of, default_path, files_of, fingerprint, source_id
from pipeline.replay.position import as_sent, changed_beginning
from pipeline.replay.record import record_of
from pipeline.replay.source import read_rows

SHORT = {"id": "int32", "x": "float64", "s": "string", "t": "timestamp"}
ROWS = [
    {"id": 1, "x": 1.5, "s": "a", "t": "2024-01-01T00:00:00Z"},
    {"id": 2, "x": 2.5, "s": "b", "t": "2024-01-01T01:00:00Z"},
]
TEXT = "id,x,s,t\n1,1.5,a,2024-01-01T00:00:00Z\n2,2.5,b,2024-01-01T01:00:00Z\n"


def stream_of(columns: Any, **keys: Any) -> Stream:
    numeric = next(name for name, kind in columns.items() if "x" in name or kind == "float64")
    given = {
        "name": "s",
        "topic": "s",
        "columns": columns,
        "cut": {"rows": 1},
        "features": [numeric],
        "model": {"k": 2},
    }
    return parse_stream(yaml.safe_dump(given | keys, sort_keys=False), "s.yaml")


def _stop(error: SourceFileError) -> None:
    raise error


def _ignore(error: SourceFileError) -> None:
    """As `--skip-bad` does."""


def read(path: Path, stream: Stream) -> list[dict[str, Any]]:
    return [row.values for row in read_rows(path, stream, _stop)]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_separates_cells_is_found_by_the_names(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "a", TEXT.replace(",", delimiter))
    assert read(path, stream_of(SHORT)) == ROWS
    # A name with a comma in it does not make commas what separates names.
    columns = {"x": {"type": "float64", "from": "x, in m"}, "s": "string"}
    quoted = '"x, in m"' if delimiter == "," else "x, in m"
    path = write(tmp_path / "b", f"{quoted}{delimiter}s\n1.5{delimiter}\n")
    assert read(path, stream_of(columns)) == [{"x": 1.5, "s": None}]


def test_what_fits_no_delimiter_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        SourceFileError, match=r'column .x.: missing; the file has id:x:s:t\. .*`source.delimiter: ":"`'
    ):
        read(write(tmp_path / "a", TEXT.replace(",", ":")), stream_of({"x": "float64"}))
    with pytest.raises(SourceFileError, match=r"a:1: column 'y.x': missing; the file has id, x, s, t\. A column"):
        read(write(tmp_path / "a", TEXT.replace(",", ";")), stream_of({"y_x": "float64", "s": "string"}))


def test_without_a_header_columns_have_places(tmp_path: Path) -> None:
    columns = {"x": {"type": "float64", "from": 2}, "s": {"type": "string", "from": 3}}
    bare = stream_of(columns, source={"header": False})
    for delimiter in ",;\t|":
        path = write(tmp_path / "a", TEXT.partition("\n")[2].replace(",", delimiter))
        assert read(path, bare) == [{"x": 1.5, "s": "a"}, {"x": 2.5, "s": "b"}]
    both = write(tmp_path / "a", "1,5;2,5;a\n1,5;2,5;b\n")
    with pytest.raises(SourceFileError, match="a:1: ',' and ';' may stand between its cells: say what does"):
        read(both, bare)
    told = stream_of(columns, source={"header": False, "delimiter": ";", "decimal": ","})
    assert read(both, told) == [{"x": 2.5, "s": "a"}, {"x": 2.5, "s": "b"}]
    with pytest.raises(SourceFileError, match=r"none of ',', ';'.* can stand between its cells"):
        read(write(tmp_path / "a", "1,2,3\n1,2\n"), bare)
    with pytest.raises(SourceFileError, match="empty"):
        read(write(tmp_path / "a", "\n"), bare)
    # Places say nothing of what separates cells, whatever stands above them.
    assert read(write(tmp_path / "a", TEXT.replace(",", ";")), stream_of(columns))[1] == {"x": 2.5, "s": "b"}
    (tmp_path / "s.yaml").write_text("columns:\n  x: {type: float64,\n    from: 2}\n  s: {from: 9}\n")
    places = {"x": {"type": "float64", "from": 1}, "s": {"type": "string", "from": 9}}
    far = stream_of(places, source={"header": False, "delimiter": ","})
    with pytest.raises(StreamFileError, match=r"s.yaml:4: columns.s.from: place 9 is beyond the rows .* has 2 fields"):
        list(with_stream_file(read_rows(write(tmp_path / "a", "1,2\n"), far, _stop), str(tmp_path / "s.yaml")))


@pytest.mark.parametrize(
    ("header", "name"), [("time (UTC)", "time (UTC)"), ("a.b c", "a.b c"), ("", ""), ("übung", "übung"), ("x", 1)]
)
def test_a_column_is_read_from_anything_that_a_header_holds(tmp_path: Path, header: str, name: str | int) -> None:
    path = write(tmp_path / "a.csv", f"{header},s\n1.5,x\n")
    assert read(path, stream_of({"x": {"type": "float64", "from": name}})) == [{"x": 1.5}]


def test_a_name_that_stands_twice_is_read_by_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x,x\n1,2\n")
    with pytest.raises(SourceFileError, match="more than once; `from: 2` would be the second column"):
        read(path, stream_of({"x": "float64"}))
    assert read(path, stream_of({"x": {"type": "float64", "from": 2}})) == [{"x": 2.0}]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-be", "utf-32", "shift_jis", "cp037"])
def test_an_encoding_by_name(tmp_path: Path, encoding: str) -> None:
    word = "表示" if encoding == "shift_jis" else "café"
    path = write(tmp_path / "a.csv", f'x,s\r\n1,"{word}\r\n{word}"\r\n', encoding)
    stream = stream_of({"x": "float64", "s": "string"}, source={"encoding": encoding})
    assert read(path, stream) == [{"x": 1.0, "s": f"{word}\r\n{word}"}]


def test_what_is_not_of_the_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    stream = stream_of({"x": "float64"})
    with pytest.raises(
        SourceFileError, match=r"a.csv:1: not UTF-8: byte 0xff .*begins as UTF-16 does: `source.encoding"
    ):
        read(write(tmp_path / "a.csv", "x\n1\n", "utf-16"), stream)
    with pytest.raises(
        SourceFileError, match=r"a.csv:3: not UTF-8: byte 0xe9 at place 1; .*`source.encoding: latin-1`"
    ):
        read(write(tmp_path / "a.csv", "x\n1\né\n", "latin-1"), stream)
    path = tmp_path / "a.csv"
    path.write_bytes(codecs.BOM_UTF16_LE + "x\n1\n".encode("utf-16-le") + b"1")
    with pytest.raises(SourceFileError, match=r"a.csv:\d: not utf-16: .*truncated data"):
        read(path, stream_of({"x": "float64"}, source={"encoding": "utf-16"}))


@pytest.mark.parametrize(
    ("source", "column", "cell", "value"),
    [
        ({"decimal": ","}, {}, "1,5", 1.5),
        ({"decimal": ",", "thousands": "."}, {}, "-1.234.567,25", -1234567.25),
        ({"thousands": ","}, {}, "12,34,567.5", 1234567.5),
        ({"thousands": "\u202f"}, {}, "1\u202f234", 1234.0),
        ({"thousands": "'"}, {"type": "int32"}, "1'234", 1234),
        ({}, {"percent": True}, "12.5 %", 12.5),
        ({"decimal": ","}, {"percent": True, "type": "decimal(5,2)"}, "12,5%", "12.50"),
        ({}, {"type": "int32"}, "1950.0", 1950),
        ({}, {"type": "decimal(38,2)"}, "1" * 36 + ".23", "1" * 36 + ".23"),
        ({}, {"type": "int64"}, "9223372036854775807", 9223372036854775807),
        ({"decimal": ","}, {"type": "timestamp", "epoch": "s"}, "1,5", "1.5"),
        ({}, {"type": "timestamp", "format": "%d.%m.%Y %H:%M"}, "31.12.2024 23:30", "2024-12-31T23:30:00Z"),
        ({}, {"type": "timestamp", "format": "%b %d %Y", "zone": "Asia/Tokyo"}, "Jan 1 2000", "1999-12-31T15:00:00Z"),
        ({}, {"type": "timestamp", "zone": "Europe/Berlin"}, "2024-10-27 02:30+01:00", "2024-10-27T01:30:00Z"),
        ({}, {"type": "date", "format": "%m/%d/%y"}, "01/31/24", "2024-01-31"),
        ({}, {"type": "time", "format": "%I:%M %p"}, "01:30 PM", "13:30:00"),
        ({}, {"type": "time"}, "10:30:00.1234567", "10:30:00.123456"),
        ({}, {"type": "binary"}, "aGk=", "aGk="),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_the_stream_file_says(
    tmp_path: Path, source: dict[str, Any], column: dict[str, Any], cell: str, value: object
) -> None:
    stream = stream_of({"x": "float64", "c": {"type": "float64"} | column}, source=source)
    path = write(tmp_path / "a.csv", f'x;c\n;"{cell}"\n')
    assert read(path, stream) == [{"x": None, "c": value}]
    pq.write_table(pa.table({"x": pa.array([None], pa.float64()), "c": [cell]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", stream) == [{"x": None, "c": value}]


@pytest.mark.parametrize(
    ("source", "column", "cell", "said"),
    [
        ({"decimal": ","}, {}, "1.5", "has a point"),
        ({"thousands": ","}, {}, "1,5", "not between thousands"),
        ({"thousands": ","}, {}, "1.5,000", "not between thousands"),
        ({}, {}, "12%", "12% is not a number"),
        ({}, {}, "9007199254740993", "more digits than a float64 keeps"),
        ({}, {"type": "int32"}, "1950.5", "1950.5 is not a whole number"),
        ({}, {"type": "int64"}, "9" * 5_000, "has too many digits"),
        ({}, {"type": "decimal(5,2)"}, "1.234", "more than 3 digits before the point and 2 behind it"),
        ({}, {"type": "decimal(5,2)"}, "1234", "more than 3 digits before the point and 2 behind it"),
        ({}, {"type": "decimal(5,2)"}, "1e999999999", "more than 3 digits"),
        ({}, {"type": "decimal(5,2)"}, "sNaN", "is not a"),
        ({}, {"type": "decimal(5,2)"}, "x", "is not a number"),
        ({}, {"type": "bool"}, "2", "neither true nor false"),
        ({}, {"type": "timestamp", "zone": "Europe/Berlin"}, "2024-10-27T02:30", "is there twice: .*with its offset"),
        ({}, {"type": "timestamp", "zone": "Europe/Berlin"}, "2024-03-31T02:30", "is never there: .*with its offset"),
        ({}, {"type": "timestamp", "format": "%d.%m.%Y"}, "2024-01-01", "'2024-01-01' is not as '%d.%m.%Y' says"),
        ({}, {"type": "date"}, "31.12.2024", "31.12.2024 is no date, as 2024-01-31 is"),
        ({}, {"type": "date", "format": "%Y-%m-%d %H:%M"}, "2024-01-01 10:00", "has a time of day"),
        ({}, {"type": "time"}, "12", "no time of day"),
        ({}, {"type": "time"}, "25:00", "must be in"),
        ({}, {"type": "binary"}, "a~", "not Base64"),
    ],
)  # fmt: skip
def test_what_is_not_written_so_is_told_with_line_and_column(
    tmp_path: Path, source: dict[str, Any], column: dict[str, Any], cell: str, said: str
) -> None:
    stream = stream_of({"x": "float64", "c": {"type": "float64"} | column}, source=source)
    pq.write_table(pa.table({"x": pa.array([None], pa.float64()), "c": [cell]}), tmp_path / "a.parquet")
    for path, line in ((write(tmp_path / "a.csv", f'x;c\n;"{cell}"\n'), 2), (tmp_path / "a.parquet", 1)):
        with pytest.raises(SourceFileError, match=rf"{path.name}:{line}: column 'c': .*{said}"):
            read(path, stream)


def test_arrow_values_keep_their_digits_or_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    taken: list[tuple[str, pa.Array, object]] = [
        ("decimal(10,2)", pa.array([7]), "7.00"),
        ("decimal(10,2)", pa.array([1.5]), "1.50"),
        ("float64", pa.array([Decimal("1.55")]), 1.55),
        ("date", pa.array([datetime(2024, 1, 31)], pa.timestamp("ns")), "2024-01-31"),
        ("date", pa.array([date(2024, 1, 31)], pa.date64()), "2024-01-31"),
        ("time", pa.array([1], pa.time32("s")), "00:00:01"),
        ("binary", pa.array([b"hi"], pa.binary(2)), "aGk="),
    ]
    for kind, values, value in taken:
        stream = stream_of({"c": kind, "x": {"type": "float64", "from": "n"}})
        pq.write_table(pa.table({"c": values, "n": [1.0]}), path)
        assert read(path, stream) == [{"c": value, "x": 1.0}], kind
    refused = [
        ("decimal(10,2)", pa.array([1.005]), "2 behind it"),
        ("float64", pa.array([Decimal("1234567890.123456789")]), "more digits than a float64 keeps"),
        ("float32", pa.array([Decimal("1.23456789")]), "more digits than a float32 keeps"),
        ("float64", pa.array([2**53 + 1]), "not in range"),
        ("int64", pa.array([2**63], pa.uint64()), "not in range"),
        ("date", pa.array([datetime(2024, 1, 31, 1)]), "has a time of day"),
        ("date", pa.array([5]), "no date"),
        ("time", pa.array([5]), "no time of day"),
        ("binary", pa.array([5]), "neither bytes nor text"),
        ("decimal(10,2)", pa.array([True]), "not a number"),
    ]  # fmt: skip
    for kind, values, said in refused:
        pq.write_table(pa.table({"c": values, "n": [1.0]}), path)
        with pytest.raises(SourceFileError, match=f"a.parquet:1: column 'c': .*{said}"):
            read(path, stream_of({"c": kind, "x": {"type": "float64", "from": "n"}}))


def test_clock_times_of_a_zone_in_parquet(tmp_path: Path) -> None:
    stream = stream_of({"x": "float64", "t": {"type": "timestamp", "zone": "America/New_York"}})
    clocks = pa.array([datetime(2024, 7, 1, 12), None])
    pq.write_table(pa.table({"x": [1.0, 2.0], "t": clocks}), tmp_path / "a.parquet")
    assert [row["t"] for row in read(tmp_path / "a.parquet", stream)] == ["2024-07-01T16:00:00Z", None]
    pq.write_table(pa.table({"x": [1.0], "t": pa.array([datetime(2024, 7, 1, 12)], pa.timestamp("us", "UTC"))}),
                   tmp_path / "a.parquet")  # fmt: skip
    assert read(tmp_path / "a.parquet", stream)[0]["t"] == "2024-07-01T12:00:00Z"
    pq.write_table(pa.table({"x": [1.0], "t": pa.array([datetime(2024, 11, 3, 1, 30)])}), tmp_path / "a.parquet")
    with pytest.raises(SourceFileError, match=r"a.parquet:1: column 't': .*is there twice"):
        read(tmp_path / "a.parquet", stream)


def test_booleans_in_their_common_spellings(tmp_path: Path) -> None:
    words = ["true", "T", "Yes", "y", "ON", "1", "False", "f", "NO", "n", "off", "0"]
    path = write(tmp_path / "a.csv", "x,b\n" + "".join(f"1,{word}\n" for word in words))
    assert [row["b"] for row in read(path, stream_of({"x": "float64", "b": "bool"}))] == [True] * 6 + [False] * 6


def test_json_lines(tmp_path: Path) -> None:
    stream = stream_of(SHORT)
    body = '{"id": 1, "x": 1.5, "s": "a", "t": "2024-01-01T00:00:00Z", "other": [1]}\n\n{"x": null, "id": "2"}\n'
    path, whole = write(tmp_path / "a.jsonl", body), body.partition("\n")[0]
    assert read(path, stream) == [ROWS[0], {"id": 2, "x": None, "s": None, "t": None}]
    numbers = write(tmp_path / "a.ndjson", '{"x": 1, "c": 12345678901234567890.12}\n')
    assert read(numbers, stream_of({"x": "float64", "c": "decimal(22,2)"})) == [
        {"x": 1.0, "c": "12345678901234567890.12"}
    ]
    for line, said in (
        (
            '{"x": {"y": 1}}',
            r"a.jsonl:2: column 'x': unreadable value .*an object is no float64; a column of a file is",
        ),
        ('{"x": [1]}', "a.jsonl:2: column 'x': .*an array is no float64"),
        ('{"x": true}', "a.jsonl:2: column 'x': .*true or false is no float64"),
        ('{"x": NaN}', "a.jsonl:2: not JSON: NaN is no number of JSON"),
        ("[1]", "a.jsonl:2: JSON, but not an object"),
        ("[" * 100_000, "a.jsonl:2: not JSON"),
        ('{"x": 1', "a.jsonl:2: not JSON"),
    ):
        bad: list[SourceFileError] = []
        rows = list(read_rows(write(path, f"{whole}\n{line}\n{whole}"), stream, bad.append))
        assert [row.number for row in rows] == [0, 2], line
        with pytest.raises(SourceFileError, match=said):
            raise bad[0]
    with pytest.raises(SourceFileError, match="2 is a place, and the objects"):
        read(path, stream_of({"x": {"type": "float64", "from": 2}}))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_json_array_of_objects(tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "_PIECE", 7)
    stream = stream_of({"x": "float64", "s": "string"}, source={"encoding": encoding})
    text = ' [\n{"x": 1.5, "s": "é]"},{"x":2},\n\n 7, {"x": "?"},\n{"s": "\\u00e9",\n"x": 12345.678}]\n'
    bad: list[SourceFileError] = []
    rows = list(read_rows(write(tmp_path / "a.json", text, encoding), stream, bad.append))
    assert [(row.number, row.line, row.values["x"]) for row in rows] == [(0, 2, 1.5), (1, 2, 2.0), (4, 5, 12345.678)]
    assert [row.values["s"] for row in rows] == ["é]", None, "é"]
    assert [str(error).removeprefix(str(tmp_path)) for error in bad] == [
        "/a.json:4: JSON, but not an object",
        "/a.json:4: column 'x': unreadable value \"?\": ? is not a number",
    ]
    for text, said in (
        ('[{"x": 1}\n{"x": 2}]', "a.json:2: not JSON: ',' is missing"),
        ('[{"x": 1},\n', "a.json:2: not JSON"),
        ('[{"x": 1}\n', "a.json:2: not JSON: ',' is missing"),
        ('[{"x": 1}]\n]', "a.json:2: not JSON: something follows"),
        ('[\n{"x": 1', "a.json:2: not JSON"),
    ):
        with pytest.raises(SourceFileError, match=said):
            list(read_rows(write(tmp_path / "a.json", text, encoding), stream, _ignore))
    assert read(write(tmp_path / "a.json", "[ ]", encoding), stream) == []


@pytest.mark.parametrize("piece", [7, 2**16])
def test_the_features_of_geojson_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(json_array, "_PIECE", piece)
    stream = stream_of({"id": "string", "x": "float64"})
    features = '[\n{"type": "Feature", "id": "a", "x": 1},\n\n{"type": "Feature", "id": "b", "x": 2}]'
    bodies = [
        f'{{"type": "FeatureCollection", "features": {features}}}',
        f'\ufeff {{"name" : "a,\\"}}", "crs": {{"type": []}},\n"type":"FeatureCollection", "features" : {features}\n}}',
        f'{{"features": {features}, "bbox": [1, 2], "type": "FeatureCollection"}}',
    ]
    for body in bodies:
        rows = list(read_rows(write(tmp_path / "a.geojson", body), stream, _stop))
        assert [(row.number, row.values) for row in rows] == [(0, {"id": "a", "x": 1.0}), (1, {"id": "b", "x": 2.0})]
        assert [row.line for row in rows] == [body[: body.index(mark)].count("\n") + 1 for mark in ('"a"', '"b"')]
    os.mkfifo(pipe := tmp_path / "pipe")
    writing = threading.Thread(target=pipe.write_text, args=(bodies[0],))
    writing.start()
    assert len(read(pipe, stream)) == 2
    writing.join()
    empty = '{"type": "FeatureCollection", "features": [], "bbox": []}'
    assert read(write(tmp_path / "a.json", empty), stream) == []
    # Objects, one a line, may hold such a collection, or a list of that name.
    for line in (
        f'{{"x": 1, "id": "c", "area": {empty}}}',
        '{"features": [1, 2], "x": 1, "id": "c", "type": "Feature"}',
    ):
        assert read(write(tmp_path / "a.json", f"{line}\n{line}\n"), stream) == [{"id": "c", "x": 1.0}] * 2
    for body, said in [
        (bodies[0][:-1], "a.json:4: not JSON: '}' is missing"),
        (f"{bodies[0]}\n{empty}", "a.json:5: not JSON: something follows"),
        ('{"type": "FeatureCollection"}', "a.json:1: not JSON: ',' is missing"),
        ('{"type": "FeatureCollection", "features": {}}', r"a.json:1: not JSON: '\[' is missing"),
    ]:
        with pytest.raises(SourceFileError, match=said):
            list(read_rows(write(tmp_path / "a.json", body), stream, _ignore))


NESTED = {
    "x": {"type": "float64", "path": "properties.mag"},
    "lon": {"type": "float64", "path": "geometry.coordinates[0]"},
    "depth": {"type": "float64", "path": "geometry.coordinates[2]"},
    "s": {"type": "string", "path": 'a."b.c"[1][0]'},
    "id": "string",
    "who": {"type": "string", "header": "who"},
    "key": {"type": "string", "key": True},
    "at": {"type": "timestamp", "timestamp": True},
}


def test_deep_columns_are_read_from_json_and_sent_as_deep(tmp_path: Path) -> None:
    body = {"id": "a", "properties": {"mag": 2, "s": 1}, "geometry": {"coordinates": [1.5, 2.5, 3.5]}}
    bodies = [body | {"a": {"b.c": [None, ["y"]]}, "who": "z"}, {"geometry": None, "a": {"b.c": []}}, {}]
    stream = stream_of(NESTED)
    path = write(tmp_path / "a.json", "".join(f"{json.dumps(each)}\n" for each in bodies))
    rows = read(path, stream)
    # What stands beside a record's value is in no file.
    assert rows[0] == {"x": 2.0, "lon": 1.5, "depth": 3.5, "s": "y", "id": "a"}
    assert rows[1:] == [dict.fromkeys(rows[0])] * 2
    record = record_of(stream)
    sent = [record(row) for row in rows]
    assert sent[0] == {
        "properties": {"mag": 2.0},
        "geometry": {"coordinates": [1.5, None, 3.5]},
        "a": {"b.c": [None, ["y"]]},
        "id": "a",
    }
    # Landing finds them where replay has put them.
    columns = stream.value_columns
    assert [{name: column.path_in_value(name).of(each) for name, column in columns.items()} for each in sent] == rows
    (text,) = read(write(tmp_path / "a.csv", "x,lon,depth,s,id\n2,1.5,3.5,y,a\n"), stream)
    assert text == rows[0]
    for wrong, said in [
        ({"properties": 1}, "a.json:1: column 'x': path properties.mag: properties is .*, and not an object"),
        ({"geometry": {"coordinates": {}}}, "column 'lon': .*geometry.coordinates is an object, and not a list"),
        ({"properties": {"mag": {}}}, "column 'x': unreadable value {}: an object is no float64.* at its `path`"),
    ]:
        with pytest.raises(SourceFileError, match=said):
            read(write(tmp_path / "a.json", json.dumps(wrong)), stream)
    # What has a `from` is read by that, and sent by its path.
    renamed = stream_of({"x": {"type": "float64", "path": "a.x", "from": "X"}})
    assert record_of(renamed)(read(write(tmp_path / "a.json", '{"X": 1}'), renamed)[0]) == {"a": {"x": 1.0}}


def test_a_file_is_sent_as_plain_json_alone() -> None:
    for records, said in [
        ({"format": "csv"}, "plain JSON, and the stream file says `records.format: csv`"),
        ({"envelope": "debezium"}, "`records.envelope: debezium`"),
        ({"schema_registry": "http://127.0.0.1:8081"}, "`records.schema_registry: http"),
    ]:
        with pytest.raises(ConfigurationError, match=said):
            record_of(stream_of({"x": "float64"}, records=records))
    assert record_of(stream_of({"x": "float64"}, records={"tombstones": "skip"}))({"x": 1.0}) == {"x": 1.0}
    with pytest.raises(ConfigurationError, match="'at', the `event_time` of 's', is no part of a record's value"):
        event_time_of(stream_of(NESTED, event_time="at"))
    with pytest.raises(StreamFileError, match=r"source\.key: 'who' is not a column; the columns are x, lon"):
        stream_of(NESTED, source={"key": "who"})


def test_a_json_array_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_ROW", 2**20)
    path = write(tmp_path / "a.json", '[{"x": 1}, {"x": "' + "0" * 2**24)
    with pytest.raises(SourceFileError, match=r"a.json:1: not JSON, or too long"):
        list(read_rows(path, stream_of({"x": "float64"}), _ignore))


def test_what_a_file_is_packed_with_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jsonl", '{"id": 1}\n')
    for body in (gzip.compress(TEXT.encode()), bz2.compress(TEXT.encode()), TEXT.encode()):
        path.write_bytes(body)
        assert read(path, stream_of(SHORT)) == ROWS
    path.write_bytes(packed.getvalue())
    assert read(path, stream_of(SHORT)) == [{"id": 1, "x": None, "s": None, "t": None}]
    for suffix in (".gz", ".bz2", ".xz", ".zst", ".zip"):
        with pytest.raises(SourceFileError, match=r"cannot be read|not a zip file"):
            read(write(tmp_path / f"b.csv{suffix}", TEXT), stream_of(SHORT))
    # Words that begin as packed files do.
    assert read(write(path, "BZh9,x\n1,2\n"), stream_of({"x": "float64"})) == [{"x": 2.0}]
    assert read(write(path, "PAR1,x\n1,2\n"), stream_of({"x": "float64"})) == [{"x": 2.0}]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_packed_file_that_is_cut_short_ends_the_replay(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.csv{suffix}"
    with pa.CompressedOutputStream(str(path), "zstd") if suffix == ".zst" else _packing(path, suffix) as file:
        file.write(b"x\n" + b"".join(b"%d\n" % (number * number) for number in range(50_000)))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SourceFileError, match=r"a.csv.*: cannot be read"):
        list(read_rows(path, stream_of({"x": "float64"}), _ignore))


def _packing(path: Path, suffix: str) -> Any:
    open_packed: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return open_packed[suffix](path, "wb")


def test_packed_parquet_is_refused_with_a_word(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    with pytest.raises(SourceFileError, match="Parquet is read from a plain file"):
        read(packed, stream_of({"x": "float64"}))


def test_several_files_are_one_in_the_order_of_their_names(tmp_path: Path) -> None:
    stream = stream_of({"x": "float64"})
    directory = tmp_path / "data"
    directory.mkdir()
    write(directory / "b2.csv", "x\n3\n")
    write(directory / "b10.csv", "x\n1\n2\n")
    (directory / "c.csv.gz").write_bytes(gzip.compress(b"s;x\n;4\n;?\n"))
    pq.write_table(pa.table({"x": [5.0]}), directory / "d.parquet")
    for name in ("_SUCCESS", ".hidden"):
        write(directory / name, "no")
    for path in (directory, directory / "*.*"):
        bad: list[SourceFileError] = []
        rows = list(read_rows(path, stream, bad.append))
        assert [(row.number, row.values["x"]) for row in rows] == [(n, n + 1.0) for n in range(5)]
        assert [Path(str(row.path)).name for row in rows] == ["b10.csv", "b10.csv", "b2.csv", "c.csv.gz", "d.parquet"]
        assert [row.line for row in rows] == [2, 3, 2, 2, 1]
        assert str(bad[0]).startswith(f"{directory / 'c.csv.gz'}:3: column 'x'")
    assert source_id(directory) == fingerprint(directory) != source_id(directory / "*.*")
    with pytest.raises(SourceFileError, match="No such file"):
        read(directory / "*.none", stream)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceFileError, match="a directory without files"):
        files_of(tmp_path / "empty")
    assert default_path(stream_of({"x": "float64"}, source={"path": "data/*.csv"}), tmp_path / "s.yaml") == (
        directory / "*.csv"
    )


def test_how_far_it_was_read_is_told_in_bytes_of_all_files(tmp_path: Path) -> None:
    stream = stream_of({"x": "float64"})
    body = "x\n" + "1\n" * 50_000
    write(tmp_path / "a.csv", body)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(body.encode()))
    write(tmp_path / "c.json", '{"x": 1}\n' * 3_000)
    pq.write_table(pa.table({"x": [1.0] * 10}), tmp_path / "d.parquet")
    places: list[int] = []
    assert sum(1 for _ in read_rows(tmp_path, stream, _stop, places.append)) == 103_010
    read_of_text = places[
        : places.index(sum((tmp_path / name).stat().st_size for name in ("a.csv", "b.csv.gz", "c.json")))
    ]
    assert len(read_of_text) > 10 and read_of_text == sorted(read_of_text)
    assert max(places) == bytes_of(tmp_path) == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert bytes_of(Path("-")) == 0


def test_a_changed_beginning_of_several_files_is_told_with_its_file(tmp_path: Path) -> None:
    stream = stream_of({"x": "float64"})
    write(tmp_path / "a.csv", "x\n1\n2\n")
    write(tmp_path / "b.csv", "x\n3\n4\n")
    limits = limits_of(stream, None, {})

    def sent() -> list[Any]:
        return list(as_sent(read_rows(tmp_path / "*.csv", stream, _stop), limits, "all", _stop))

    origins = [Origin("0" * 16, each.row.number, 1, each.digest.hex()) for each in sent()]
    write(tmp_path / "b.csv", "x\n3\n5\n")
    told = changed_beginning("all", origins[-1], sent(), origins)
    assert str(told).startswith(f"{tmp_path / 'b.csv'}:3: row 3 (from 0) is not what was sent")


def test_what_is_piped_in_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream, here = stream_of(SHORT), Path("-")
    for body in (TEXT.encode(), gzip.compress(TEXT.encode()), b'{"id": 1}\n'):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
        assert len(read(here, stream)) == (2 if body[:1] != b"{" else 1)
    assert read_once(here) and source_id(here) == fingerprint(here)
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    for body, said in (((tmp_path / "a.parquet").read_bytes(), "read from a plain file"), (b"PK\x03\x04", "unpack it")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
        with pytest.raises(SourceFileError, match=said):
            read(here, stream)
    os.mkfifo(pipe := tmp_path / "pipe")
    writing = threading.Thread(target=pipe.write_text, args=(TEXT,))
    writing.start()
    assert read_once(pipe) and read(pipe, stream) == ROWS
    writing.join()


def test_a_record_may_have_a_columns_value_as_its_key(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x,s\n1.5,é\n2,\n")
    for key, keys in (("s", ["é".encode(), None]), ("x", [b"1.5", b"2.0"]), (None, [None, None])):
        stream = stream_of({"x": "float64", "s": "string"}, **({"source": {"key": key}} if key else {}))
        rows = list(
            as_sent(read_rows(path, stream, _stop), limits_of(stream, None, {}), "a", _stop, stream.written.key)
        )
        assert [row.key for row in rows] == keys
    long = limits_of(stream, 2_000, {})
    assert long.refusal(1_000) is None and "max.message.bytes" in str(long.refusal(1_000, 1_000))
