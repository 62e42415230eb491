"""A row goes out as the record from which landing reads it again, wherever its columns are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import orjson
import pytest

from contract.errors import SourceFileError
from contract.stream import Stream, parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.replay.record import record_of
from pipeline.replay.source import read_rows
from tests.chunks import chunk

COLUMNS = """
  mag: {type: float64, path: properties.mag}
  lon: {type: float64, path: 'geometry.coordinates[0]'}
  lat: {type: float64, path: 'geometry.coordinates[1]'}
  title: {type: string, from: 'the title'}
  id: string
"""


def _stream(columns: str = COLUMNS) -> Stream:
    rest = "cut: {rows: 1}\nfeatures: [mag]\nmodel: {k: 2}\n"
    return parse_stream(f"name: s\ntopic: s\ncolumns:{columns}{rest}", "s.yaml")


def _stop(error: SourceFileError) -> NoReturn:
    raise error


QUAKES = [
    {"id": "a", "properties": {"mag": 4.5, "x": []}, "geometry": {"coordinates": [1.5, 2, 3]}, "the title": "ä"},
    {"id": "b", "properties": None, "geometry": {"coordinates": []}},
]
ROWS = [
    {"mag": 4.5, "lon": 1.5, "lat": 2.0, "title": "ä", "id": "a"},
    {"mag": None, "lon": None, "lat": None, "title": None, "id": "b"},
]
FILES = {
    "quakes.jsonl": "\n".join(map(json.dumps, QUAKES)),
    "quakes.json": json.dumps(QUAKES),
    # A table has a nested column under its own name.
    "quakes.csv": "id,mag,lon,lat,the title\na,4.5,1.5,2,ä\nb,,,,\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_nested_columns_is_sent_as_it_is_landed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FILES[name])
    stream = _stream()
    sent = [orjson.dumps(record_of(stream)(row.values)) for row in read_rows(path, stream, _stop)]
    assert json.loads(sent[0]) == {
        "id": "a", "title": "ä", "properties": {"mag": 4.5}, "geometry": {"coordinates": [1.5, 2.0]},
    }  # fmt: skip
    parsed = WholeRecords(stream).parse(chunk(sent))
    assert parsed.rows.to_pylist() == ROWS and parsed.strangers == () and parsed.ignored_keys == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"properties": "big"}, "path properties.mag: properties is text, and not an object"),
        ({"properties": 5}, "path properties.mag: properties is a number, and not an object"),
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
