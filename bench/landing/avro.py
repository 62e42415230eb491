"""`python -m bench.landing.avro`: records parsed as Avro, beside the same rows as JSON."""

from __future__ import annotations

import io
import json
import random
import time
from typing import Any

import fastavro
import orjson

from contract.stream import Stream, parse_stream
from pipeline.land.formats.avro.schema import read_schema
from pipeline.land.formats.format import ValueFormat
from pipeline.land.formats.value_format import Schemas, value_format

RUNS = 5
_LETTERS = "abcdefghijklmnop é"
_COLUMNS = {"long": "int64", "double": "float64", "string": "string"}
Row = dict[str, Any]


def _text(length: int) -> str:
    return "".join(random.choices(_LETTERS, k=length))


def _short() -> Row:
    numbers = {f"i{number}": random.randrange(10**6) for number in range(6)}
    return {**numbers, **{f"s{number}": _text(5) for number in range(6)}, "n": random.random()}


def _long(length: int) -> Row:
    return {"a": _text(length), "b": _text(length), "n": random.random()}


def _schema(row: Row, *, array: bool) -> dict[str, Any]:
    types = {int: "long", float: "double", str: "string"}
    fields: list[Row] = [{"name": name, "type": ["null", types[type(value)]]} for name, value in row.items()]
    more = [{"name": "tags", "type": {"type": "array", "items": "string"}}] if array else []
    return {"type": "record", "name": "Row", "fields": [*fields, *more]}


def _stream(schema: dict[str, Any], records: str) -> Stream:
    columns = "".join(
        f"  {each['name']}: {_COLUMNS[each['type'][1]]}\n" for each in schema["fields"] if each["name"] != "tags"
    )
    return parse_stream(
        f"name: s\ntopic: s\nrecords: {{{records}}}\ncolumns:\n{columns}cut: {{rows: 1}}\nfeatures: [n]\n"
        "model: {k: 2}\n",
        "s.yaml",
    )


def _encoded(schema: dict[str, Any], rows: list[Row]) -> list[bytes]:
    parsed, found = fastavro.parse_schema(schema), []
    for row in rows:
        file = io.BytesIO()
        fastavro.schemaless_writer(file, parsed, {"tags": ["x", "y"], **row})
        found.append(file.getvalue())
    return found


def _seconds(reader: ValueFormat, values: list[bytes]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        began = time.process_time()
        if reader.parse(values).rows.num_rows != len(values):
            raise SystemExit("a record was rejected")
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    """Print the least CPU time a record of each, and its rate beside that of JSON."""
    cases = {
        "13 short values": [_short() for _ in range(10_000)],
        "2 texts of 200": [_long(200) for _ in range(10_000)],
        "2 texts of 32,000": [_long(32_000) for _ in range(300)],
    }
    for name, rows in cases.items():
        for array in (False, True):
            schema = _schema(rows[0], array=array)
            of_json = [orjson.dumps({**row, "tags": ["x", "y"]} if array else row) for row in rows]
            json_s = _seconds(value_format(_stream(schema, "format: json")), of_json)
            told = value_format(
                _stream(schema, "format: avro, schema_file: row.avsc"), Schemas(in_file=read_schema(json.dumps(schema)))
            )
            avro_s = _seconds(told, _encoded(schema, rows))
            said = f"{name}{', an array' if array else ''}"
            print(f"{said:<30} {avro_s / len(rows) * 1e6:7.2f} µs a record  {json_s / avro_s:.2f} × JSON's rate")


if __name__ == "__main__":
    main()
