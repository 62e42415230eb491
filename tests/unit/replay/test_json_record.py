"""A row goes out as the record from which landing reads it again, wherever its columns are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest

from contract.errors import SourceFileError, StreamFileError
from contract.stream import Stream, parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.replay.json_record import JsonRecord, refuse_unsendable
from pipeline.replay.source import read_rows
from tests.chunks import chunk

COLUMNS = """
  mag: {type: float64, path: properties.mag}
  lon: {type: float64, path: 'geometry.coordinates[0]'}
  lat: {type: float64, path: 'geometry.coordinates[1]'}
  title: {type: string, from: 'the title'}
  id: string
"""


def _stream(columns: str = COLUMNS, more: str = "") -> Stream:
    return parse_stream(
        f"name: s\ntopic: s\n{more}\ncolumns:{columns}cut: {{rows: 1}}\nfeatures: [mag]\nmodel: {{k: 2}}\n", "s.yaml"
    )


def _stop(error: SourceFileError) -> NoReturn:
    raise error


QUAKES = [
    {"id": "a", "properties": {"mag": 4.5, "x": []}, "geometry": {"coordinates": [1.5, 2, 3]}, "the title": "ä"},
    {"id": "b", "properties": None, "geometry": {"coordinates": []}},
]
MEANT = [
    {"mag": 4.5, "lon": 1.5, "lat": 2.0, "title": "ä", "id": "a"},
    {"mag": None, "lon": None, "lat": None, "title": None, "id": "b"},
]


@pytest.mark.parametrize("as_array", [False, True])
def test_a_file_of_nested_objects_is_sent_as_it_is_landed(tmp_path: Path, *, as_array: bool) -> None:
    path = tmp_path / "quakes.json"
    path.write_text(json.dumps(QUAKES) if as_array else "\n".join(map(json.dumps, QUAKES)))
    stream = _stream()
    sent = [JsonRecord(stream).of(row.values) for row in read_rows(path, stream, _stop)]
    assert json.loads(sent[0]) == {
        "id": "a", "title": "ä", "properties": {"mag": 4.5}, "geometry": {"coordinates": [1.5, 2.0]},
    }  # fmt: skip
    parsed = WholeRecords(stream).parse(chunk(sent))
    assert parsed.rows.to_pylist() == MEANT and parsed.strangers == () and parsed.ignored_keys == 0


def test_a_table_has_a_nested_column_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "quakes.csv"
    path.write_text("id,mag,lon,lat,the title\na,4.5,1.5,2,ä\nb,,,,\n")
    stream = _stream()
    sent = [JsonRecord(stream).of(row.values) for row in read_rows(path, stream, _stop)]
    assert WholeRecords(stream).parse(chunk(sent)).rows.to_pylist() == MEANT


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"properties": "big"}, "path properties.mag: properties is text, and not an object"),
        ({"properties": {"mag": {}}}, "an object is no float64"),
        ({"geometry": {"coordinates": 5}}, "path geometry.coordinates[0]: geometry.coordinates is a number"),
    ],
)
def test_what_lies_in_the_way_is_told_with_its_line_and_column(tmp_path: Path, value: object, said: str) -> None:
    path = tmp_path / "quakes.jsonl"
    path.write_text(f"{{}}\n{json.dumps(value)}\n")
    with pytest.raises(SourceFileError, match=r":2: column '(mag|lon)'") as raised:
        list(read_rows(path, _stream(), _stop))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("columns", "more", "said"),
    [
        (COLUMNS, "records: {envelope: debezium}", "s.yaml:3: records.envelope: replay sends rows"),
        (f"{COLUMNS}  who: {{type: string, header: user}}\n", "", "columns.who.header: replay sends values alone"),
        (f"{COLUMNS}  who: {{type: string, key: true}}\n", "", "s.yaml:10: columns.who.key: "),
        (COLUMNS, "records: {format: csv}", "records.format: replay sends JSON alone"),
    ],
)
def test_what_is_more_than_a_row_is_refused_with_its_line(tmp_path: Path, columns: str, more: str, said: str) -> None:
    path = tmp_path / "s.yaml"
    plain = columns if "csv" not in more else "\n  mag: float64\n"
    stream = _stream(plain, more)
    rest = "cut: {rows: 1}\nfeatures: [mag]\nmodel: {k: 2}\n"
    path.write_text(f"name: s\ntopic: s\n{more}\ncolumns:{plain}{rest}")
    with pytest.raises(StreamFileError) as raised:
        refuse_unsendable(stream, str(path))
    assert said in str(raised.value)
    refuse_unsendable(_stream(), str(path))
