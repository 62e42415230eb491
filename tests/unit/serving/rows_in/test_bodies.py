"""The typed reader and the explaining one agree on every body."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import InvalidRequestError, MalformedRequestError, RequestError
from serving.rows_in.bodies import Records, RowReader
from serving.rows_in.cells import numbers
from serving.rows_in.faults import explain

FEATURES = ("a", "b b")
READER = RowReader(numbers(FEATURES))

cells: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**64]),
    st.booleans(),
    st.text(max_size=2),
)
names = st.sampled_from([*FEATURES, "c"])
rows = st.lists(cells, max_size=3)
records = st.dictionaries(names, cells, max_size=3)
parts = st.one_of(
    cells,
    st.lists(st.one_of(rows, records, cells), max_size=3),
    st.dictionaries(st.one_of(names, st.sampled_from(["columns", "data", "index"])), st.lists(st.one_of(cells, rows))),
    st.fixed_dictionaries({"columns": st.permutations(FEATURES), "data": st.lists(rows, max_size=2)}),
)
bodies = st.dictionaries(
    st.sampled_from(["dataframe_records", "dataframe_split", "instances", "inputs", "x"]), parts, max_size=2
)


def _outcome(read: Any, body: bytes) -> Any:
    try:
        return [list(row) for row in read(body)]
    except RequestError as error:
        return type(error), str(error), getattr(error, "faults", None)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=400)
@given(bodies)
def test_both_readers_say_the_same(body: Any) -> None:
    encoded = json.dumps(body).encode()
    assert _outcome(READER.read, encoded) == _outcome(lambda text: explain(text, numbers(FEATURES)), encoded)


@pytest.mark.parametrize("count", [1, 15, 16, 250, 65_535, 65_536])
@pytest.mark.parametrize("names", [["a"], ["x" * 31, "y" * 32, "ü" * 200], [str(j) for j in range(16)], ["z" * 70_000]])
def test_the_doubles_of_records_are_their_cells(count: int, names: list[str]) -> None:
    count = min(count, 100) if len(names[0]) > 1_000 else count
    values = [-0.0, 1, 5e-324, -1.7976931348623157e308, 0.1, 2**53, 33.0]
    given = [[values[(i + j) % len(values)] for j in range(len(names))] for i in range(count)]
    records = [dict(zip(names, row, strict=True)) for row in given]
    rows = RowReader(numbers(names)).read(json.dumps({"dataframe_records": records}).encode())
    assert isinstance(rows, Records)
    found = rows.doubles()
    assert found is not None
    assert found.tobytes() == np.array(given, dtype=np.float64).tobytes()
    for i in {0, count - 1}:
        missing = [*records[:i], records[i] | {names[-1]: None}, *records[i + 1 :]]
        rows = RowReader(numbers(names)).read(json.dumps({"dataframe_records": missing}).encode())
        assert isinstance(rows, Records)
        assert rows.doubles() is None


@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_or_refused(body: bytes) -> None:
    outcome = _outcome(READER.read, body)
    assert isinstance(outcome, list) or outcome[0] in {MalformedRequestError, InvalidRequestError}


@given(st.lists(st.tuples(*[st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))] * 2), min_size=1))
def test_every_double_arrives_as_it_was_sent(sent: list[tuple[float | None, float | None]]) -> None:
    encoded = json.dumps({"dataframe_records": [dict(zip(FEATURES, row, strict=True)) for row in sent]}).encode()
    assert [tuple(row) for row in READER.read(encoded)] == sent


def test_instances_may_mix_objects_and_arrays() -> None:
    for order in (1, -1):
        rows = [[1, None], {"a": 3, "b b": 4}][::order]
        assert READER.read(json.dumps({"instances": rows}).encode()) == [(1.0, None), (3.0, 4.0)][::order]


def test_the_last_of_two_equal_keys_counts() -> None:
    assert READER.read(b'{"instances": [{"a": 1, "b b": 2, "a": 3}]}') == [(3.0, 2.0)]


@pytest.mark.parametrize("count", [1, 21, 5000])
def test_no_more_than_twenty_faults_are_told(count: int) -> None:
    body = json.dumps({"instances": [["x", 1]] * count}).encode()
    with pytest.raises(InvalidRequestError) as caught:
        READER.read(body)
    assert len(caught.value.faults) == min(count, 20)
