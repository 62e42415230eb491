"""Typed rows without Spark: one row and many are encoded alike, files give every bit back, clocks are right."""

from __future__ import annotations

import json
import math
import pickle
import tracemalloc
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.artifact import EncodingFields
from scoring.clock import CYCLE_US, SLOTS, TABLE_END_US, Zone, slot
from scoring.features import Encoding, Input
from scoring.forms import Category, Cyclic, Form, Log, Number, refuse_cells
from scoring.golden import Golden
from scoring.log1p import signed_log1p, signed_log1ps

ZONES = ("America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "Asia/Kathmandu")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# The first example makes the tables of zones.
AT_LEISURE = settings(deadline=None)
TIMES = st.integers(-62_135_596_800_000_000 + 10**12, 253_402_300_799_999_999 - 10**12)


@cache
def zone(name: str) -> Zone:
    """Return a zone's table as training makes it, but from Python's rules: every change lies within a day."""
    info, since, offsets = zoneinfo.ZoneInfo(name), [], []
    at, end = -5_000_000_000, TABLE_END_US // 10**6

    def offset(second: int) -> int:
        found = (EPOCH + timedelta(seconds=second)).astimezone(info).utcoffset()
        assert found is not None
        return int(found.total_seconds())

    offsets.append(offset(at))
    while at < end:
        ahead = min(at + 86_400 * 5, end)
        if offset(ahead) != offsets[-1]:
            low, high = at, ahead
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if offset(middle) != offsets[-1] else (middle, high)
            since.append(high * 10**6)
            offsets.append(offset(high))
            ahead = high
        at = ahead
    return Zone(tuple(since), tuple(offsets), name)


@AT_LEISURE
@given(TIMES, st.sampled_from(ZONES))
def test_clocks_and_calendars_show_what_pythons_do(time: int, name: str) -> None:
    local = (EPOCH + time * MICROSECOND).astimezone(zoneinfo.ZoneInfo(name))
    at = zone(name).local(time)
    assert {of: slot(of, at) for of in SLOTS} == {
        "hour": local.hour, "weekday": local.weekday(), "month": local.month - 1,
    }  # fmt: skip


@AT_LEISURE
@given(
    st.lists(st.one_of(TIMES, st.sampled_from([TABLE_END_US - 1, TABLE_END_US, TABLE_END_US + CYCLE_US])), min_size=1)
)
def test_many_times_are_told_as_one_is(times: list[int]) -> None:
    for name in ZONES:
        found = zone(name).locals(np.array(times))
        assert found.tolist() == [zone(name).local(time) for time in times]
        for of in SLOTS:
            assert slot(of, found).tolist() == [slot(of, at) for at in found.tolist()]


def circle(of: str) -> tuple[tuple[float, float], ...]:
    turns = [2 * math.pi * place / SLOTS[of] for place in range(SLOTS[of])]
    return tuple((math.sin(turn), math.cos(turn)) for turn in turns)


CELLS: dict[str, st.SearchStrategy[Any]] = {
    "double": st.floats(allow_nan=False),
    "long": st.integers(-(2**63), 2**63 - 1),
    "string": st.text(max_size=5),
    "boolean": st.booleans(),
    "datetime": TIMES,
}


@st.composite
def encodings(draw: st.DrawFn) -> Encoding:
    """Any inputs, each in every form that its type takes."""
    inputs, features = [], []
    for place, kind in enumerate(draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))):
        name = f"c{place}"
        inputs.append(Input(name, kind))
        features += draw(_forms(name, kind))
    return Encoding(tuple(inputs), tuple(features))


@st.composite
def _forms(draw: st.DrawFn, name: str, kind: str) -> list[Form]:
    flags = st.booleans()
    if kind == "datetime":
        at = zone(draw(st.sampled_from(ZONES)))
        return [Cyclic(f"{name}.{of}", name, of, circle(of), at, draw(flags)) for of in SLOTS]
    found: list[Form] = []
    if kind in {"double", "long"}:
        found = [Number(name, name, draw(flags)), Log(f"{name}.log", name, draw(flags))]
    if kind != "double":
        values = st.one_of(CELLS[kind], st.sampled_from(["other", "other*"])) if kind == "string" else CELLS[kind]
        kept = draw(st.lists(values, min_size=1, max_size=6, unique=True))
        found.append(Category(f"{name}.category", name, tuple(kept), draw(flags)))
    return found


@AT_LEISURE
@given(encodings(), st.data())
def test_one_row_and_many_are_encoded_alike_and_from_files_too(encoding: Encoding, data: st.DataObject) -> None:
    cells = [st.none() | CELLS[each.type] for each in encoding.inputs]
    rows = data.draw(st.lists(st.tuples(*cells), min_size=1, max_size=6))
    many = encoding.rows(list(zip(*rows, strict=True)))
    alone = np.array([encoding.row(row) for row in rows])
    assert many.tobytes(order="C") == alone.tobytes() and many.shape == (len(rows), encoding.width)
    assert len(set(encoding.names)) == encoding.width
    body = json.dumps(encoding.to_fields()).encode()
    assert Encoding.from_fields(json.loads(body)) == encoding
    assert Encoding.from_fields(msgspec.json.decode(body, type=EncodingFields).fields()) == encoding
    names, types = tuple(each.name for each in encoding.inputs), tuple(each.type for each in encoding.inputs)
    array = np.empty((len(rows), len(names)), dtype=object)
    array[:] = rows
    golden = Golden(names, array, np.zeros(len(rows), np.int32), np.zeros(len(rows)), types)
    assert Golden.from_json(golden.to_json()).encoded(encoding).tobytes() == golden.encoded(encoding).tobytes()


@AT_LEISURE
@given(encodings())
def test_a_category_has_a_place_for_whatever_comes(encoding: Encoding) -> None:
    for feature in encoding.features:
        if isinstance(feature, Category):
            for cell in (None, math.nan, "\ud800", "\0", "x" * 10_000, 10**30, -1, True):
                row = feature.cell(cell)
                assert sum(row) == 1 and len(row) == len(feature.columns)
            assert sum(feature.cell("nobody's")[: len(feature.values)]) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
GOOD = Encoding(
    (Input("c", "string"), Input("t", "datetime")),
    (Category("c", "c", ("a", "b")), Cyclic("t.hour", "t", "hour", circle("hour"), Zone((0,), (0, 3600), "x"), True)),
)


@given(
    st.sampled_from(["inputs", "features"]),
    st.sampled_from([0, 1]),
    st.sampled_from(["name", "type", "as", "column", "flag", "values", "of", "table", "zone", "more"]),
    JSON,
)
@example("features", 1, "table", [""])
def test_what_is_no_encoding_is_refused_and_nothing_else_is_raised(part: str, at: int, key: str, value: Any) -> None:
    fields = json.loads(json.dumps(GOOD.to_fields()))
    fields[part][at][key] = value
    try:
        found = Encoding.from_fields(fields)
    except ValueError:
        return
    assert found.width and all(len(found.row([None, None])) == found.width for _ in (0,))


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("double", "1"), ("double", True), ("long", 1.5), ("long", True), ("long", 2**63), ("string", 1), ("boolean", 1),
     ("datetime", "2013-01-01"), ("datetime", 1.0), ("word", 1)],
)  # fmt: skip
def test_a_cell_of_another_type_is_refused(kind: str, cell: object) -> None:
    with pytest.raises(ValueError):
        refuse_cells(kind, [None, cell])


@given(st.floats(allow_nan=False))
def test_log1p_is_near_the_librarys_in_both_ways_and_odd(x: float) -> None:
    one, many = signed_log1p(x), signed_log1ps(np.array([x]))[0]
    assert np.float64(one).tobytes() == many.tobytes() and signed_log1p(-x) == -one
    assert one == pytest.approx(math.copysign(math.log1p(abs(x)), x), rel=4e-16, abs=5e-324)


def test_what_a_category_takes_follows_its_values() -> None:
    encoding = _wide(3)
    encoding.row(["1"] * 3)
    body = json.dumps(encoding.to_fields())
    sent = pickle.dumps(encoding)
    assert len(sent) < 2 * len(body) and pickle.loads(sent) == encoding
    assert pickle.loads(sent).row(["7", None, "none"]) == encoding.row(["7", None, "none"])
    tracemalloc.start()
    try:
        Encoding.from_fields(json.loads(body))
        assert tracemalloc.get_traced_memory()[1] < 100 * len(body)
    finally:
        tracemalloc.stop()


def test_encoded_columns_are_counted_before_any_is_made() -> None:
    body = json.dumps(_fields(200)).encode()
    tracemalloc.start()
    try:
        with pytest.raises(msgspec.ValidationError, match="51400 encoded columns are more than 10000"):
            msgspec.json.decode(body, type=EncodingFields)
        with pytest.raises(ValueError, match="51400 encoded columns are more than 10000"):
            Encoding.from_fields(json.loads(body))
        assert tracemalloc.get_traced_memory()[1] < 50 * len(body)
    finally:
        tracemalloc.stop()


def _fields(categories: int) -> dict[str, Any]:
    names, values = [f"c{i}" for i in range(categories)], [*map(str, range(256))]
    features = [{"as": "category", "name": name, "column": name, "flag": False, "values": values} for name in names]
    return {"inputs": [{"name": name, "type": "string"} for name in names], "features": features}


def _wide(categories: int) -> Encoding:
    return Encoding.from_fields(_fields(categories))
