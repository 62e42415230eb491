"""`1950.0` is a whole number in a record, as it is in a cell and in Parquet; no digit changes on the way."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.stream import Stream, parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from tests.chunks import chunk

STREAM = parse_stream(
    "name: s\ntopic: s\ncolumns: {n: int64, x: float64, d: 'decimal(20,3)', s: string, t: timestamp}\n"
    "cut: {rows: 1}\nfeatures: [x]\nmodel: {k: 2}\n",
    "s.yaml",
)


@pytest.mark.parametrize(
    ("record", "n"),
    [
        (b'{"n":1950.0}', 1950),
        (b'{"n": -0.000 }', 0),
        (b'{"n":9007199254740993.0,"x":2.0,"d":12345678901234567.125}', 2**53 + 1),
        (b'{"s":"a \\"n\\": 1.0, 2.0","n":7.00}', 7),
        (b'{"n":7.0,"t":"2024-01-01T00:00:00.123456789Z"}', 7),
        (b'{"n":3.0,"other":[1.0,{"n":2.5}]}', 3),
    ],
)
def test_a_point_and_zeros_change_nothing(record: bytes, n: int) -> None:
    parsed = WholeRecords(STREAM).parse(chunk([b'{"n":1}', record, b'{"n":2}']))
    assert parsed.rows["n"].to_pylist() == [1, n, 2] and parsed.rejected == []
    (row,) = parsed.rows.slice(1, 1).to_pylist()
    assert row["s"] in {None, 'a "n": 1.0, 2.0'} and row["x"] in {None, 2.0}
    assert str(row["d"]) in {"None", "12345678901234567.125"}


@pytest.mark.parametrize(
    "record",
    [
        *(b'{"n":%s}' % text for text in (b"1.5", b'"1.0"', b"5.1.0", b"01.0", b"1.0.0", b"--1.0", b"true", b"1.")),
        *(b'{"n":9223372036854775808.0}', b'{"n":1.0,"s":1.0}', b'{"n":1.0,"t":5.0}', b'{"n":1.0'),
    ],
)
def test_nothing_else_becomes_one(record: bytes) -> None:
    for values in ([record], [b'{"n":1.0}', record]):
        assert WholeRecords(STREAM).parse(chunk(values)).rejected[-1].index == len(values) - 1


@pytest.mark.parametrize(
    ("n", "said"), [(b'"text"', "/n"), (b"1.5", "1.5"), (b"9223372036854775808.0", "9223372036854775808")]
)
def test_a_reject_is_for_what_no_reading_takes(n: bytes, said: str) -> None:
    of = parse_stream(
        "name: s\ntopic: s\ncolumns: {t: timestamp, n: int64}\ncut: {rows: 1}\nfeatures: [n]\nmodel: {k: 2}\n", "s.yaml"
    )
    record = b'{"t":"2024-01-01T00:00:00.123456789Z","n":%s}' % n
    for before in ([], [b'{"n":7.0}'], [b'{"n":7.0,"t":"2024-01-01T00:00:00.123456789Z"}']):
        (rejected,) = WholeRecords(of).parse(chunk([*before, record])).rejected
        assert said in rejected.reason and "timestamp" not in rejected.reason


@pytest.mark.parametrize(
    ("number", "lands"),
    [
        (b"9007199254740992", True), (b"9007199254740993", False), (b"-9007199254740993", False), (b"1e300", True),
        # As JavaScript writes a double: the digits are all that it has.
        (b"123456789012345680000", True), (b"123456789012345678901", False), (b"9007199254740993.0", True),
    ],
)  # fmt: skip
def test_a_whole_number_keeps_its_digits_in_a_float64_or_is_refused(number: bytes, *, lands: bool) -> None:
    record = b'{"x":%s,"other":{"x":1},"s":"%s"}' % (number, number)
    found = WholeRecords(STREAM).parse(chunk([b'{"x":1e20}', record, b'{"x":2}']))
    assert found.indexes.tolist() == ([0, 1, 2] if lands else [0, 2]) and len(found.rejected) == (not lands)
    assert all(f"{number.decode()} has more digits than a float64 keeps" in each.reason for each in found.rejected)
    for of, value in (
        (_float64("path: a.x"), b'{"a":{"x":%s}}'), (_float64("path: 'a[1]'"), b'{"a":[0,%s]}'),
        (_float64("key: k"), b"{}"),
        (_float64("path: x", "records: {envelope: debezium}"), b'{"op":"u","after":{"x":%s}}'),
    ):  # fmt: skip
        values = [value % number if b"%" in value else value]
        assert len(WholeRecords(of).parse(chunk(values, keys=[b'{"k":%s}' % number])).rejected) == (not lands)


def _float64(place: str, more: str = "") -> Stream:
    rest = "cut: {rows: 1}\nfeatures: [x]\nmodel: {k: 2}\n"
    return parse_stream(f"name: s\ntopic: s\n{more}\ncolumns:\n  x: {{type: float64, {place}}}\n{rest}", "s.yaml")


_QUOTES = b'\\"' * 60_000


@pytest.mark.parametrize(
    "text",
    [
        b'{"s":"' + _QUOTES, b'{"s":"' + _QUOTES + b"\\", b'{"s":"' + _QUOTES + b'\\\n"}', b'{"s":' + b'"' * 60_000,
        b'{"n":' + b"1" * 120_000, b'{"n":1.' + b"0" * 120_000 + b"e", b'{"n":' + b"1.0." * 30_000,
    ],
    ids=["no end", "half an escape", "an escaped line end", "quotes", "digits", "zeros", "points"],
)  # fmt: skip
def test_a_long_record_that_is_no_json_takes_no_longer_than_its_length(text: bytes) -> None:
    begun = time.process_time()
    parsed = WholeRecords(STREAM).parse(chunk([b'{"n":1.0}', text, text]))
    assert parsed.indexes.tolist() == [0]
    assert time.process_time() - begun < 2


ROWS = st.fixed_dictionaries(
    {"n": st.integers(-(2**63), 2**63 - 1)},
    optional={"x": st.floats(allow_nan=False, allow_infinity=False), "s": st.text(st.characters(codec="utf-8"))},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ROWS, st.booleans(), st.integers(1, 3)), min_size=1, max_size=12))
def test_records_of_both_kinds_are_the_same_rows(records: list[tuple[dict[str, object], bool, int]]) -> None:
    values = []
    for row, pointed, zeros in records:
        text = f"{row['n']}.{'0' * zeros}" if pointed else str(row["n"])
        beside = json.dumps({name: value for name, value in row.items() if name != "n"})
        values.append(f'{{"n": {text}, {beside[1:]}'.replace(", }", "}").encode())
    parsed = WholeRecords(STREAM).parse(chunk(values))
    assert parsed.rejected == []
    found = [{name: row[name] for name in ("n", "x", "s")} for row in parsed.rows.to_pylist()]
    assert found == [{name: row.get(name) for name in ("n", "x", "s")} for row, _, _ in records]
