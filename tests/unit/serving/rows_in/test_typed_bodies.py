"""Rows of several types: the typed reader and the explaining one agree, and every fault has its path."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import InvalidRequestError, MalformedRequestError, RequestError
from contract.moment import EARLIEST_US, LATEST_US
from serving.rows_in.bodies import RowReader
from serving.rows_in.cells import Cell
from serving.rows_in.faults import explain, read_apart

INPUTS = {"carrier": "string", "delay": "double", "stops": "long", "is late": "boolean", "at": "datetime"}
READER = RowReader(INPUTS)
ROW = {"carrier": "AA", "delay": 1.5, "stops": 2, "is late": True, "at": "2013-01-01T05:00:00Z"}
CELLS = ["AA", 1.5, 2, True, 1_357_016_400_000_000]

times = st.sampled_from(
    [
        "2013-01-01",
        "2013-01-01T05:00:00Z",
        "20130101T050000+0130",
        "2013-W01-1",
        "1600000000",
        "x",
        "",
        "\ud800",
        "24:00",
    ]
)
cells: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, 2**64, -(2**63), 1.0]),
    st.booleans(),
    st.text(max_size=2),
    times,
    st.lists(st.none(), max_size=1),
)
# Mostly sound, or nothing but the first fault would ever be looked at.
sound: dict[str, st.SearchStrategy[Any]] = {
    "carrier": st.text(st.characters(exclude_categories=[]), max_size=3),
    "delay": st.floats(allow_nan=False, allow_infinity=False),
    "stops": st.integers(-(2**63), 2**63 - 1),
    "is late": st.booleans(),
    "at": times,
}
names = st.sampled_from([*INPUTS, "c"])
records = st.one_of(st.fixed_dictionaries(sound), st.dictionaries(names, cells, max_size=6))
rows = st.one_of(st.tuples(*sound.values()).map(list), st.lists(cells, min_size=5, max_size=5))
columns = st.integers(1, 3).flatmap(
    lambda n: st.fixed_dictionaries({name: st.lists(cell, min_size=n, max_size=n) for name, cell in sound.items()})
)


@st.composite
def splits(draw: st.DrawFn) -> Any:
    """Rows with their columns in any order."""
    order = draw(st.permutations(list(INPUTS)))
    given = draw(st.lists(st.one_of(st.tuples(*(sound[name] for name in order)).map(list), rows), max_size=2))
    return {"columns": [*order, *draw(st.lists(cells, max_size=1))], "data": given}


bodies = st.one_of(
    st.fixed_dictionaries({"dataframe_records": st.lists(st.one_of(records, cells), max_size=3)}),
    st.fixed_dictionaries({"instances": st.lists(st.one_of(records, rows), max_size=3)}),
    st.fixed_dictionaries({"inputs": st.one_of(st.lists(rows, max_size=3), columns, records)}),
    st.fixed_dictionaries({"dataframe_split": splits()}),
)


def _outcome(read: Any, body: bytes) -> Any:
    try:
        return [list(row) for row in read(body)]
    except RequestError as error:
        return type(error), str(error), getattr(error, "faults", None)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(bodies)
def test_both_readers_say_the_same(body: Any) -> None:
    encoded = json.dumps(body).encode()
    read = _outcome(READER.read, encoded)
    assert read == _outcome(lambda text: explain(text, INPUTS), encoded)
    try:
        apart, wrong = read_apart(encoded, INPUTS)
    except InvalidRequestError:
        assert isinstance(read, tuple)
        return
    # All are sound, or those that are not are all missing.
    assert list(apart) == read if not wrong.rows.any() else isinstance(read, tuple)
    assert all(apart[i] == [None] * 5 for i in wrong.rows.nonzero()[0])


@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_or_refused(body: bytes) -> None:
    outcome = _outcome(READER.read, body)
    assert isinstance(outcome, list) or outcome[0] in {MalformedRequestError, InvalidRequestError}


MOMENTS = st.one_of(st.none(), st.integers(EARLIEST_US, LATEST_US))
WHOLE = st.tuples(
    st.one_of(st.none(), st.text(max_size=5)),
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.booleans()),
    MOMENTS,
)


@settings(deadline=None)
@given(st.lists(WHOLE, min_size=1, max_size=3))
def test_every_cell_arrives_as_it_was_sent(sent: list[tuple[Cell, ...]]) -> None:
    def iso(us: int | None) -> str | None:
        return us if us is None else (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat()

    told = [[*row[:4], iso(row[4])] for row in sent]  # type: ignore[arg-type] # the fifth is a time
    turned = {"columns": [*INPUTS][::-1], "data": [row[::-1] for row in told]}
    for body in (
        {"dataframe_records": [dict(zip(INPUTS, row, strict=True)) for row in told]},
        {"dataframe_split": turned},
        {"instances": told},
        {"inputs": {name: [row[j] for row in told] for j, name in enumerate(INPUTS)}},
    ):
        found = READER.read_sound(json.dumps(body).encode())
        assert [tuple(row) for row in found] == sent
        assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in sent]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("carrier", 1, "must be a string or null, not a number"),
        ("carrier", ["AA"], "must be a string or null, not an array"),
        ("delay", "1", "must be a number or null, not a string"),
        ("delay", True, "must be a number or null, not a boolean"),
        ("stops", True, "must be an integer or null, not a boolean"),
        ("stops", 1.0, "must be an integer or null, not a number with a point or exponent"),
        ("stops", 2**63, "must be an integer of 64 bits, -9223372036854775808 to 9223372036854775807"),
        ("is late", 1, "must be true, false or null, not a number"),
        ("is late", "true", "must be true, false or null, not a string"),
        ("at", 1_357_016_400, "must be an ISO 8601 time such as 2013-01-01T05:00:00Z or null, not a number"),
        ("at", "01/01/2013", "must be an ISO 8601 time such as 2013-01-01T05:00:00Z, within the years 1 to 9999"),
        ("at", "2013-01-01\x0005", "must be an ISO 8601 time such as 2013-01-01T05:00:00Z, within the years 1 to 9999"),
        ("at", "1357016400", "must be an ISO 8601 time such as 2013-01-01T05:00:00Z, within the years 1 to 9999"),
    ],
)
def test_a_cell_of_another_type_is_told_with_its_path(name: str, value: Any, said: str) -> None:
    record = {**ROW, name: value}
    place = [*INPUTS].index(name)
    for body, loc in (
        ({"dataframe_records": [ROW, record]}, ("dataframe_records", 1, name)),
        ({"instances": [list(record.values())]}, ("instances", 0, place)),
        ({"inputs": {key: [cell] for key, cell in record.items()}}, ("inputs", name, 0)),
        (
            {"dataframe_split": {"columns": [*record][::-1], "data": [[*record.values()][::-1]]}},
            ("dataframe_split", "data", 0, 4 - place),
        ),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            READER.read(json.dumps(body).encode())
        assert [(fault.loc, fault.msg) for fault in caught.value.faults] == [(loc, said)]
        wrong = read_apart(json.dumps(body).encode(), INPUTS)[1]
        assert tuple(wrong.told.values()) == caught.value.faults


def test_a_time_without_a_zone_is_utc() -> None:
    for text in ("2013-01-01T05:00:00Z", "2013-01-01 05:00", "2013-01-01T07:00:00+02:00", "2013-01-01T05:00:00.000000"):
        assert list(READER.read(json.dumps({"instances": [{**ROW, "at": text}]}).encode())[0]) == CELLS
