"""Wherever a column is in a record, and whatever else is there: a record is one row, one reject, or one skipped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.record_path import RecordPath, Step, record_path
from contract.stream import parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from tests.chunks import chunk

COLUMNS = """
  i: {type: int32, path: 'a.i'}
  s: {type: string, path: 'a.b[1].s'}
  f: {type: float64, path: 'a.b[0].s2'}
  t: {type: timestamp, path: '"x.y".t'}
  d: {type: 'decimal(9,2)', path: 'l[2]'}
  h: {type: int32, header: h}
  k: {type: string, key: 'a.k'}
"""
REST = "cut: {rows: 1}\nfeatures: [f]\nmodel: {k: 2}\n"
STREAMS = {
    "nested": parse_stream(f"name: n\ntopic: n\ncolumns:{COLUMNS}{REST}", "n.yaml"),
    "events": parse_stream(
        f"name: n\ntopic: n\nrecords: {{envelope: debezium, tombstones: skip}}\ncolumns:{COLUMNS}{REST}", "n.yaml"
    ),
}
leaf = st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats(-1, 1) | st.sampled_from(["", "x", "2024-01-01"])
names = st.sampled_from(["a", "b", "i", "s", "s2", "t", "x.y", "l", "op", "after", "payload", "k", "other"])
anything = st.recursive(
    leaf, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(names, inside, max_size=4), max_leaves=12
)
element = st.fixed_dictionaries({}, optional={"s": leaf, "s2": leaf})
row = st.fixed_dictionaries(
    {},
    optional={
        "a": st.none() | anything | st.fixed_dictionaries(
            {}, optional={"i": leaf, "b": st.lists(st.none() | element)}
        ),
        "x.y": st.none() | st.fixed_dictionaries({}, optional={"t": leaf}),
        "l": st.none() | st.lists(leaf, max_size=4),
        "more": anything,
    },
)  # fmt: skip
event = st.fixed_dictionaries(
    {"op": st.sampled_from(["c", "r", "u", "d", "t", "m", "z", None, 1])},
    optional={"after": st.none() | row | anything, "source": anything},
)
HOSTILE = [
    b"", b"{", b"{}", b"null", b'{"a":{"i":1}', b'"b":2}}', b'{"a":{"i":1,"i":2}}', b'{"a":{"i":1}\x00}', b"\xff",
    b'{"a":{"b":' + b"[" * 2_000 + b"]" * 2_000 + b"}}", b'{"op":"c","after":{"a":{"i":NaN}}}',
]  # fmt: skip
value = st.one_of(
    st.none(),
    st.sampled_from(HOSTILE),
    (row | event | st.fixed_dictionaries({"schema": leaf, "payload": anything | event})).map(
        lambda found: json.dumps(found).encode()
    ),
    st.binary(max_size=20),
)
key = st.none() | st.binary(max_size=3) | row.map(lambda found: json.dumps(found).encode())
header = st.sampled_from([(), (("h", b"7"),), (("h", None),), (("h", b"x"),), (("h", b"\xff"), ("h", b"1"))])
records = st.lists(st.tuples(value, key, header), max_size=12)


@pytest.mark.parametrize("kind", STREAMS)
@settings(max_examples=80, deadline=None)
@given(batch=records)
@example(batch=[(each, None, ()) for each in HOSTILE])
def test_each_record_is_one_of_three_alone_and_among_others(
    kind: str, batch: list[tuple[bytes | None, bytes | None, Any]]
) -> None:
    reader = WholeRecords(STREAMS[kind])
    values, keys, headers = ([*found] for found in (zip(*batch, strict=True) if batch else ((), (), ())))
    parsed = reader.parse(chunk(values, keys=keys, headers=headers))
    rejected = [record.index for record in parsed.rejected]
    assert sorted([*parsed.indexes.tolist(), *rejected, *parsed.skipped.tolist()]) == list(range(len(batch)))
    assert set(parsed.deletes.tolist()) <= set(parsed.skipped.tolist())
    assert all(record.reason for record in parsed.rejected)
    landed = dict(zip(parsed.indexes.tolist(), parsed.rows.to_pylist(), strict=True))
    reasons = {record.index: record.reason for record in parsed.rejected}
    for index, (raw, of_key, of_header) in enumerate(batch):
        alone = WholeRecords(STREAMS[kind]).parse(chunk([raw], keys=[of_key], headers=[of_header]))
        assert alone.rows.to_pylist() == ([landed[index]] if index in landed else [])
        assert [record.reason for record in alone.rejected] == ([reasons[index]] if index in reasons else [])


@settings(max_examples=60, deadline=None)
@given(st.lists(row, max_size=8))
def test_a_row_holds_what_lies_at_its_paths(batch: list[dict[str, Any]]) -> None:
    parsed = WholeRecords(STREAMS["nested"]).parse(chunk([json.dumps(found).encode() for found in batch]))
    for index, landed in zip(parsed.indexes.tolist(), parsed.rows.to_pylist(), strict=True):
        for name in ("i", "s", "f"):
            assert landed[name] == record_path(STREAMS["nested"].columns[name].path or "").of(batch[index])


step = st.text(min_size=1, max_size=5) | st.integers(0, 9_999)


@settings(max_examples=150, deadline=None)
@given(first=st.text(min_size=1, max_size=5), steps=st.lists(step, max_size=6), from_root=st.booleans())
def test_a_path_is_read_as_it_is_written(first: str, steps: list[Step], *, from_root: bool) -> None:
    path = RecordPath((first, *steps), from_root)
    assert record_path(str(path)) == path


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=12) | st.text(st.sampled_from('ab.[]"0$\\'), max_size=12))
def test_any_text_is_a_path_or_refused_with_words(text: str) -> None:
    try:
        path = record_path(text)
    except ValueError as error:
        assert str(error)
    else:
        assert record_path(str(path)) == path
