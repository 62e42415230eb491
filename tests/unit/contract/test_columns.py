"""What a stream file says of its columns and of how a file is written: a name for each type, and faults with lines."""

from __future__ import annotations

import pytest

from contract.errors import StreamFileError
from contract.stream import Stream, parse_stream

TEXT = """
name: s
topic: s
columns:
  x: {type: float64}
  c: {type: string}
source: {path: a.csv}
cut: {rows: 1}
features: [x]
model: {k: 2}
"""


def parse(old: str = "", new: str = "") -> Stream:
    return parse_stream(TEXT.replace(old, new, 1), "s.yaml")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((word, "int64") for word in ("int", "integer", "BIGINT", "long", "int64")),
        *((word, "float64") for word in ("double", "float", "Float64")),
        *((word, "string") for word in ("str", "text", "varchar")),
        ("boolean", "bool"), ("datetime", "timestamp"), ("bytes", "binary"), ("date", "date"), ("time", "time"),
        ('"decimal(10, 2)"', "decimal(10,2)"), ('"numeric(5)"', "decimal(5,0)"),
        ('"DECIMAL( 38,38 )"', "decimal(38,38)"),
    ],
)  # fmt: skip
def test_a_type_has_one_name_whatever_is_written(written: str, meant: str) -> None:
    for column in (written, f"{{type: {written}}}"):
        assert parse("c: {type: string}", f"c: {column}").columns["c"].type == meant


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("c: {type: string}", "c: float6", "s.yaml:6: columns.c.type: 'float6' is no type; there are int32, int64"),
        ("c: {type: string}", "c: decimal", "s.yaml:6: columns.c.type: 'decimal' has to say its digits"),
        ("c: {type: string}", "c: {type: decimal(9,2)}", r"'decimal\(9' ends at its comma, .*: write it in quotes"),
        ("c: {type: string}", "c: 'decimal(39,2)'", "a decimal has 1 to 38 digits"),
        ("c: {type: string}", "c: 'decimal(2,3)'", "a decimal has 1 to 38 digits"),
        ("c: {type: string}", "'time (UTC)': string", r"'time \(UTC\)' is no name .* stands in its `from`"),
        ("c: {type: string}", "'': string", "'' is no name of a column"),
        ("c: {type: string}", "c: {type: date, epoch: s}", "`epoch` is the unit of a timestamp"),
        ("c: {type: string}", "c: {type: date, zone: UTC}", "`zone` is of a timestamp column that holds text"),
        ("c: {type: string}", "c: {type: timestamp, zone: Mars}", "s.yaml:6: columns.c.zone: 'Mars' is no time zone"),
        ("c: {type: string}", "c: {type: string, format: '%Y'}", "`format` is how a date, time, timestamp is written"),
        ("c: {type: string}", "c: {type: date, format: '%d.%m.'}", "has no year"),
        ("c: {type: string}", "c: {type: date, format: 'YYYY'}", "not written in strptime's letters, .* it has none"),
        ("c: {type: string}", "c: {type: date, format: '%Y %k'}", "%k is none of them"),
        ("c: {type: string}", "c: {type: date, format: '%Y %Z'}", "%Z is none of them; .* goes into `zone`"),
        ("c: {type: string}", "c: {type: date, format: '%Y %'}", "is none of them"),
        ("c: {type: string}", "c: {type: date, format: '%Y %Y'}", "has a letter of strptime twice"),
        ("c: {type: string}", "c: {type: time, format: '%H:%M%z'}", "has a zone, and a time has none"),
        ("c: {type: string}", "c: {type: string, percent: true}", "`percent` is of a number"),
        ("c: {type: string}", "c: {type: string, from: 0}", "is no place in a row"),
        ("path: a.csv", "encoding: utf-9", "s.yaml:7: source.encoding: 'utf-9' is no encoding of text"),
        ("path: a.csv", "encoding: base64", "'base64' is no encoding of text"),
        ("path: a.csv", "decimal: x", "'x' does not stand in numbers"),
        ("path: a.csv", "decimal: ',', thousands: ','", "both ','"),
        ("path: a.csv", "package: p", "`path` has to say which"),
        ("path: a.csv", "key: k", "s.yaml:7: source.key: 'k' is not a column; the columns are x, c"),
        ("path: a.csv", "header: false", "s.yaml:5: columns.x.from: the file has no header, so its place"),
        ("features: [x]", "id: [c]\nfeatures: [c]", "'c' is a string column; as number, a feature is one of decimal"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_with_its_line(old: str, new: str, said: str) -> None:
    with pytest.raises(StreamFileError, match=said):
        parse(old, new)


@pytest.mark.parametrize("kind", ["time", "binary"])
def test_some_types_name_no_row(kind: str) -> None:
    text = TEXT.replace("c: {type: string}", f"c: {kind}").replace("features", "id: [c]\nfeatures")
    with pytest.raises(StreamFileError, match=f"id: 'c' is a {kind} column, which names no row"):
        parse_stream(text, "s.yaml")


def test_a_decimal_is_a_feature_and_an_id() -> None:
    text = TEXT.replace("c: {type: string}", "c: decimal(5,2)").replace("features: [x]", "id: [c]\nfeatures: [x, c]")
    assert parse_stream(text, "s.yaml").inputs == {"x": "double", "c": "double"}
