"""What a stream file may say of its records, and what it is told where that cannot be."""

from __future__ import annotations

import re

import pytest

from contract.errors import StreamFileError
from contract.stream import Stream, parse_stream


def stream(records: str, columns: str = "{n: {type: float64}}") -> Stream:
    return parse_stream(
        f"name: s\ntopic: s\nrecords: {records}\ncolumns: {columns}\n"
        "cut: {rows: 1}\nfeatures: [n]\nmodel: {k: 2}\n",
        "s.yaml",
    )


def test_records_are_json_unless_it_is_said() -> None:
    assert stream("{}").records.plain_json
    assert not stream("{schema_registry: 'http://r:8081/'}").records.plain_json
    assert stream("{schema_registry: 'https://r:8081/'}").records.schema_registry == "https://r:8081"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ("{format: protobuf}", "records.format: protobuf records are not read"),
        ("{format: Protobuf}", "protobuf records are not read: let the producer"),
        ("{format: xml}", "records.format"),
        ("{format: avro}", "`schema_registry` says where the producer's registry is, or `schema_file`"),
        ("{format: avro, schema_registry: 'http://me:secret@r'}", "SWATHE_SCHEMA_REGISTRY_USERNAME"),
        ("{format: avro, schema_registry: 'r:8081'}", "no address of a registry"),
        ("{schema_file: s.avsc}", "`schema_file` is of Avro records, and `format` is json"),
        ("{delimiter: ';'}", "`delimiter` is of CSV lines, and `format` is json"),
        ("{format: csv, schema_registry: 'http://r'}", "CSV lines have no schema"),
        ("{format: csv, quote: ','}", "`quote` ',' cannot stand"),
        ("{format: csv, decimal: ',', thousands: ','}", "both ','"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(records: str, words: str) -> None:
    with pytest.raises(StreamFileError) as refused:
        stream(records)
    assert words in str(refused.value)
    assert refused.value.line == 3
    assert "secret" not in str(refused.value)


def test_columns_of_lines_have_places_or_an_order() -> None:
    assert stream("{format: csv}", "{a: string, n: {type: float64}}").records.format == "csv"
    with pytest.raises(StreamFileError, match=r"columns\.a: the records are CSV lines"):
        stream("{format: csv}", "{a: string, n: {type: float64, from: 1}}")
    with pytest.raises(StreamFileError, match=r"columns\.n\.path: the records are CSV lines"):
        stream("{format: csv}", "{a: string, n: {type: float64, path: b.c}}")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("{type: string, path: $.payload.x}", "columns.a: path $.payload.x: a path begins at the event"),
        ("{type: string, path: $.payload}", "columns.a: path $.payload: a path begins at the event"),
        ("{type: string, path: $.op.x}", "columns.a: path $.op.x: $.op is text, and nothing lies in it"),
        ("{type: int32, path: $.op}", "columns.a: $.op is text, so the column is a string"),
    ],
)
def test_a_path_begins_at_a_change_event_and_op_is_text(column: str, words: str) -> None:
    with pytest.raises(StreamFileError, match=re.escape(words)):
        stream("{envelope: debezium}", f"{{a: {column}, n: float64}}")
    stream("{envelope: debezium}", "{a: {type: string, path: $.op}, n: {type: float64, path: payload.x}}")
    stream("{}", "{a: {type: string, path: $.payload.x}, n: float64}")


@pytest.mark.parametrize(
    "url",
    [
        *("' http://x'", "'http://x '", "'http://x y'", '"http://x\\n/y"', '"http://x\\ty"', '"http://x\\u00a0y"'),
        *("http://x:99999", "'http://x:-1'", "'http://x:a'", "'http://[::1'", "http://x:0"),
    ],
)
def test_what_no_client_could_ask_is_no_address_of_a_registry(url: str) -> None:
    with pytest.raises(StreamFileError, match="is no address of a registry") as refused:
        stream(f"{{schema_registry: {url}}}")
    assert refused.value.line == 3
    assert stream("{schema_registry: 'http://[::1]:8081/apis/ccompat/v7'}").records.schema_registry


@pytest.mark.parametrize("path", [r"\ud800", r"a.\udfff", r"\"\\ud800\"", r"a[\u0661]", r"a[\u00b2]", r"a[\uff10]"])
def test_a_path_is_text_and_its_places_are_plain_digits(path: str) -> None:
    with pytest.raises(StreamFileError):
        stream("{}", f'{{a: {{type: string, path: "{path}"}}, n: float64}}')


def test_a_key_and_a_header_are_text() -> None:
    for key in ('key: "\\ud800"', 'header: "\\ud800"', 'header: "\\udfff"'):
        with pytest.raises(StreamFileError):
            stream("{}", f"{{a: {{type: string, {key}}}, n: float64}}")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            "{type: timestamp, path: 'y[0]'}",
            "{type: string, path: 'y[1]'}",
            "is a string, and by 'a' it is a timestamp",
        ),
        ("{type: string, path: 'y[0]'}", "{type: string, path: 'y[1].b'}", "is an object, and by 'a' it is a string"),
        ("{type: int32, path: 'y[0].b'}", "{type: int64, path: 'y[2].b'}", "is a int64, and by 'a' it is a int32"),
    ],
)
def test_elements_of_one_list_are_of_one_type(first: str, second: str, words: str) -> None:
    columns = f"columns:\n  a: {first}\n  b: {second}\n"
    rest = "cut: {rows: 5}\nfeatures: [{column: a, as: category}]\nmodel: {k: 2}\n"
    with pytest.raises(StreamFileError, match=re.escape(words)) as told:
        parse_stream(f"name: s\ntopic: s\n{columns}{rest}", "s.yaml")
    assert "s.yaml:5" in str(told.value)
    head = f"name: s\ntopic: s\ncolumns:\n  n: int64\n  a: {first}\n  b: {second.replace('y[', 'z[')}\n"
    parse_stream(head + "cut: {rows: 5}\nfeatures: [n]\nmodel: {k: 2}\n", "s.yaml")
