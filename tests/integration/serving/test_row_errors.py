"""`?on_error=null`: a bad row never takes its neighbours along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.serving.conftest import Served
from tests.integration.serving.registered import FEATURES, record

NAN = float("nan")


def _ask(served: Served, body: Any, on_error: str = "null") -> Any:
    return served.server.http.post(
        f"{served.one.path}/predict?on_error={on_error}",
        content=json.dumps(body),
        headers={"content-type": "application/json"},
    )


def _cells(served: Served, i: int) -> list[Any]:
    return [record(served.one, i)[name] for name in FEATURES]


def _bodies(served: Served) -> list[tuple[Any, list[Any]]]:
    """Bodies in every format whose rows 1 and 3 of five cannot be answered, and where the first fault is."""
    records: list[Any] = [record(served.one, i) for i in range(5)]
    records[1], records[3] = {**records[1], "distance": NAN}, {"dep_delay": 1}
    arrays: list[Any] = [_cells(served, i) for i in range(5)]
    arrays[1], arrays[3] = [*arrays[1][:2], "x"], [1.0]
    turned = [[row[2], row[0], row[1]] if len(row) == 3 else row for row in arrays]
    turned[1] = ["x", 1.0, 2.0]
    columns = {name: [_cells(served, i)[j] for i in range(5)] for j, name in enumerate(FEATURES)}
    columns["distance"][1], columns["distance"][3] = True, 10**400
    order = [FEATURES[2], FEATURES[0], FEATURES[1]]
    return [
        ({"dataframe_records": records}, ["dataframe_records", 1, "distance"]),
        ({"instances": [*records[:3], arrays[3], arrays[4]]}, ["instances", 1, "distance"]),
        ({"inputs": arrays}, ["inputs", 1, 2]),
        ({"inputs": columns}, ["inputs", "distance", 1]),
        ({"dataframe_split": {"columns": list(FEATURES), "data": arrays}}, ["dataframe_split", "data", 1, 2]),
        ({"dataframe_split": {"columns": order, "data": turned}}, ["dataframe_split", "data", 1, 0]),
    ]


@pytest.mark.parametrize("format_number", range(6))
def test_the_other_rows_are_answered(served: Served, format_number: int) -> None:
    body, loc = _bodies(served)[format_number]
    answer = _ask(served, body)
    assert answer.status_code == 200, answer.text
    fields = answer.json()
    assert [row and row["cluster"] for row in fields["predictions"]] == [
        None if i in (1, 3) else served.one.clusters[i] for i in range(5)
    ]
    assert fields["predictions"][4]["distance"] == served.one.distances[4]
    assert [error["index"] for error in fields["errors"]] == [1, 3] and fields["errors"][0]["loc"] == loc
    assert fields["version"] == served.one.number
    refused = _ask(served, body, "refuse")
    assert refused.status_code == 422 and refused.json()["errors"]


def test_a_distance_beyond_the_largest_double_is_an_error_of_its_row(served: Served) -> None:
    for n in (2, 50):
        fields = _ask(served, {"instances": [*([[1, 2, 3]] * (n - 1)), [1e200, 2, 3]]}).json()
        assert [error["index"] for error in fields["errors"]] == [n - 1]
        assert fields["predictions"][-1] is None and all(fields["predictions"][:-1])


def test_more_faults_than_are_told_of_a_refused_request(served: Served) -> None:
    rows = [[1, 2, "x"] if i % 2 else [1, 2, 3] for i in range(30_000)]
    fields = _ask(served, {"instances": rows}).json()
    assert [error["index"] for error in fields["errors"]] == list(range(1, 40, 2))
    assert fields["predictions"][1::2] == [None] * 15_000 and all(fields["predictions"][::2])
    assert len(json.dumps(rows)) > 256 * 1024  # so it went to a worker


def test_a_row_with_more_faults_than_are_told_is_one_of_its_own(served: Served) -> None:
    odd = {str(i): i for i in range(100)}
    fields = _ask(served, {"instances": [odd, [1, 2, 3]]}).json()
    assert [error["loc"] for error in fields["errors"]] == [["instances", 0, "0"]]
    assert fields["predictions"][0] is None and fields["predictions"][1]


def test_no_error_is_an_empty_list(served: Served) -> None:
    fields = _ask(served, {"instances": [[1, 2, 3]]}).json()
    assert fields["errors"] == [] and len(fields["predictions"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"instances": []},
        {"inputs": {"dep_delay": [1], "air time": [2]}},
        {"inputs": {"dep_delay": [1], "air time": [2], "distance": [1, 2]}},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": 5, "data": [[1, 2]]}},
        {"dataframe_split": 7},
        {"dataframe_records": {}},
        {"dataframe_split": {"columns": [{}, [], 1], "data": [[1, 2, 3]]}},
        {},
        7,
    ],
)
def test_what_is_not_the_fault_of_single_rows_refuses_all(served: Served, body: Any) -> None:
    assert _ask(served, body).status_code == 422


def test_a_query_without_anything_in_it_is_none(served: Served) -> None:
    answer = served.server.http.post(f"{served.one.path}/predict?&", json={"instances": [[1, 2, 3]]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("query", ["on_error=skip", "on_error=", "other=1", "on_error=null&on_error=null"])
def test_another_query_is_refused(served: Served, query: str) -> None:
    answer = served.server.http.post(f"{served.one.path}/predict?{query}", json={"instances": [[1, 2, 3]]})
    assert answer.status_code == 422, answer.text
