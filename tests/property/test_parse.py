"""Whatever bytes a topic holds: the process lives, row k is record k, and no record is lost or doubled."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.stream import Stream, parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from tests.chunks import chunk

STREAM: Stream = parse_stream(
    """
name: anything
topic: anything
columns:
  i: {type: int32}
  j: {type: int64}
  f: {type: float64}
  b: {type: bool}
  s: {type: string}
  t: {type: timestamp}
  d: decimal(20,3)
  day: date
  at: time
  raw: binary
  r: {type: int32, required: true}
cut: {rows: 10}
features: [f]
model: {k: 2}
""",
    "anything.yaml",
)

rows = st.fixed_dictionaries(
    {"r": st.integers(-(2**31), 2**31 - 1)},
    optional={
        "i": st.none() | st.integers(-(2**31), 2**31 - 1),
        "j": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "b": st.none() | st.booleans(),
        "s": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "t": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda t: t.isoformat() + "Z"),
        "d": st.none() | st.integers(-(10**20) + 1, 10**20 - 1).map(lambda d: f"{Decimal(f'{d}e-3'):f}"),
        "day": st.none() | st.dates().map(date.isoformat),
        "at": st.none() | st.times().map(time.isoformat),
        "raw": st.none() | st.binary(max_size=5).map(lambda raw: base64.b64encode(raw).decode()),
        "extra": st.none()
        | st.integers()
        | st.lists(st.integers())
        | st.text(st.characters(exclude_categories=["Cs"])),
    },
)
layouts = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"ensure_ascii": False}])
valid = st.builds(lambda row, layout: (json.dumps(row, **layout).encode(), row), rows, layouts)

HOSTILE: list[bytes | None] = [
    None,
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b'"{}"',
    b"{}",
    b"[]",
    b"{",
    b"}",
    b"{}{}",
    b'{"r":1}{"r":2}',
    b'{"r":1}\n{"r":2}',
    b'{"r":1},{"r":2}',
    b'{"r":1}\x00}',
    b'{"r":\x001}',
    b'{"r":1,"r":2}',
    b'{"r":1,"s":"\xff"}',
    b'{"r":1,"s":"\\ud800"}',
    b'{"r":1,"f":NaN}',
    b'{"r":1,"f":1e999}',
    b'{"r":1,"f":-Infinity}',
    b'{"r":2147483648}',
    b'{"r":"1"}',
    b'{"r":1.0}',
    b'{"r":null}',
    b'{"r":1,"s":"}\n{"}',
    b'{"r":1,"x":{"r":2}',
    b'"r":3}}',
    b"\xef\xbb\xbf" + b'{"r":1}',
    b'\n{"r":1}\n',
    b'{"r":1,"t":"yesterday"}',
    b'{"r":1,"d":1e30}',
    b'{"r":1,"d":1234567890123456789}',
    b'{"r":1,"day":"2024-02-30"}',
    b'{"r":1,"day":20240230}',
    b'{"r":1,"at":"\xff"}',
    b'{"r":1,"raw":"\\u00e9"}',
    b'{"r":1,"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"r":1,"x":' + b'{"x":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
]
fragments = st.lists(
    st.sampled_from(
        [b"{", b"}", b'"', b"\n", b",", b":", b"[", b"]", b"null", b'"r":1', b'"_x"', b"\x00", b"\\", b" "]
    ),
    max_size=12,
).map(b"".join)
records = st.one_of(
    valid,
    st.tuples(st.sampled_from(HOSTILE), st.none()),
    st.tuples(st.binary(max_size=40), st.none()),
    st.tuples(fragments, st.none()),
)


def _as_python(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "t": row["t"].isoformat() if row["t"] else None}


def _expected(row: dict[str, Any]) -> dict[str, Any]:
    moment = row.get("t")
    values = {name: row.get(name) for name in STREAM.columns}
    read: dict[str, Callable[[Any], object]] = {
        "d": Decimal,
        "day": date.fromisoformat,
        "at": time.fromisoformat,
        "raw": base64.b64decode,
    }
    values |= {name: meant(values[name]) for name, meant in read.items() if values[name] is not None}
    return {**values, "t": datetime.fromisoformat(moment).astimezone(UTC).isoformat() if moment else None}


@settings(max_examples=400, deadline=None)
@given(st.lists(records, max_size=30))
@example([(value, None) for value in HOSTILE])
@example([(b"null", None), (b'{"r":1}', {"r": 1})])
@example([(b'{"r":1,"x":{"a":1}', None), (b'"b":2}}', None), (b'{"r":5}', {"r": 5})])
def test_each_record_is_one_row_or_one_reject(batch: list[tuple[bytes | None, dict[str, Any] | None]]) -> None:
    values = [value for value, _ in batch]
    parsed = WholeRecords(STREAM).parse(chunk(values))

    places = sorted([*parsed.indexes.tolist(), *(record.index for record in parsed.rejected)])
    assert places == list(range(len(values)))
    assert parsed.indexes.tolist() == sorted(parsed.indexes.tolist())
    assert all(record.reason for record in parsed.rejected)
    landed = dict(zip(parsed.indexes.tolist(), map(_as_python, parsed.rows.to_pylist()), strict=True))
    for index, (value, row) in enumerate(batch):
        if row is not None:
            assert landed[index] == _expected(row), value


@settings(max_examples=150, deadline=None)
@given(st.lists(records, min_size=2, max_size=12))
def test_a_record_means_the_same_alone_and_among_others(
    batch: list[tuple[bytes | None, dict[str, Any] | None]],
) -> None:
    values = [value for value, _ in batch]
    together = WholeRecords(STREAM).parse(chunk(values))
    landed = dict(zip(together.indexes.tolist(), together.rows.to_pylist(), strict=True))
    for index, value in enumerate(values):
        alone = WholeRecords(STREAM).parse(chunk([value])).rows.to_pylist()
        assert alone == ([landed[index]] if index in landed else [])


@settings(max_examples=60, deadline=None)
@given(st.lists(valid, min_size=1, max_size=20))
def test_keys_beyond_the_schema_are_ignored_and_counted(batch: list[tuple[bytes, dict[str, Any]]]) -> None:
    parsed = WholeRecords(STREAM).parse(chunk([value for value, _ in batch]))
    assert parsed.rows.num_rows == len(batch)
    assert parsed.ignored_keys == sum("extra" in row for _, row in batch)


def test_of_many_records_a_sample_tells_how_many_keys_are_beyond_the_schema() -> None:
    plain, more = b'{"r":1}', b'{"r":1,"x":2,"y":{"z":3},"x":4}'
    records = WholeRecords(STREAM)
    # Where they are first met, all are counted: they may be few.
    assert records.parse(chunk([plain] * 4_999 + [more])).ignored_keys == 2
    assert records.parse(chunk([more] * 10_000)).ignored_keys == 20_000
    # Two producers that take turns: whichever of them an even pace came upon would be counted alone.
    assert 5_000 < records.parse(chunk([plain, more] * 5_000)).ignored_keys < 15_000
