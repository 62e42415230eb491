"""Whatever is sent: a 4xx in one shape, with the field's path, and never the input."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.integration.serving.conftest import Served
from tests.integration.serving.registered import FEATURES

GOOD = {"dep_delay": 1.0, "air time": 2.0, "distance": 3.0}


def _refused(answer: httpx.Response, code: int) -> Any:
    assert answer.status_code == code, answer.text
    fields = answer.json()
    assert set(fields) == {"code", "message", "errors", "request_id"}
    assert fields["message"] and len(answer.content) < 4000
    return fields


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"dataframe_records": []}, ["dataframe_records"]),
        ({"dataframe_records": {}}, ["dataframe_records"]),
        ({"dataframe_records": None}, ["dataframe_records"]),
        ({"dataframe_records": [{**GOOD, "distance": "3"}]}, ["dataframe_records", 0, "distance"]),
        ({"dataframe_records": [{**GOOD, "distance": True}]}, ["dataframe_records", 0, "distance"]),
        ({"dataframe_records": [GOOD, {**GOOD, "distance": float("nan")}]}, ["dataframe_records", 1, "distance"]),
        ({"dataframe_records": [{**GOOD, "distance": float("-inf")}]}, ["dataframe_records", 0, "distance"]),
        ({"dataframe_records": [{**GOOD, "distance": 10**400}]}, ["dataframe_records", 0, "distance"]),
        ({"dataframe_records": [{**GOOD, "secret": 1}]}, ["dataframe_records", 0, "secret"]),
        ({"dataframe_records": [{"dep_delay": 1, "distance": 2}]}, ["dataframe_records", 0, "air time"]),
        ({"dataframe_records": [[1, 2, 3]]}, ["dataframe_records", 0]),
        ({"dataframe_split": {"columns": FEATURES, "data": []}}, ["dataframe_split", "data"]),
        ({"dataframe_split": {"columns": FEATURES, "data": [[1, 2]]}}, ["dataframe_split", "data", 0]),
        (
            {"dataframe_split": {"columns": ["a", *FEATURES[1:]], "data": [[1, 2, 3]]}},
            ["dataframe_split", "columns", 0],
        ),
        ({"instances": [[1, 2, "x"]]}, ["instances", 0, 2]),
        ({"instances": [[[1], 2, 3]]}, ["instances", 0, 0]),
        ({"inputs": {"dep_delay": [1], "air time": [2]}}, ["inputs", "distance"]),
        ({"inputs": {"dep_delay": [1], "air time": [2], "distance": [1, 2]}}, ["inputs", "distance"]),
        ({"inputs": [[1, 2, 3]], "instances": [[1, 2, 3]]}, ["body"]),
        ({"instances": [[1, 2, 3], [1e200, 2, 3]]}, ["rows", 1]),
        ({"instances": [[1, 2, 3]] * 9 + [[-1e308, 2, 3]]}, ["rows", 9]),
        ({"rows": [GOOD]}, ["body", "rows"]),
        ({"\ud800": 1}, ["body", "\ud800"]),
        ({"dataframe_records": [{**GOOD, "\udfff": 1}]}, ["dataframe_records", 0, "\udfff"]),
        ({}, ["body"]),
        ([GOOD], ["body"]),
        (None, ["body"]),
    ],
)
def test_a_field_that_is_not_as_it_should_be_is_named(served: Served, body: Any, loc: list[Any]) -> None:
    fields = _refused(served.server.predict(served.one.path, json.dumps(body).encode()), 422)
    assert fields["errors"][0]["loc"] == loc
    if loc[0] in {"dataframe_records", "instances", "inputs"}:
        assert "dep_delay, air time, distance" in fields["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        json.dumps({"instances": [[1, 2, 3]]}).encode("utf-16"),
        b"[" * 100_000,
        b'{"instances":' * 50_000,
        b'{"instances": [[1' + b"0" * 5000 + b", 2, 3]]}",
    ],
)
def test_what_is_not_json_is_malformed(served: Served, body: bytes) -> None:
    _refused(served.server.predict(served.one.path, body), 400)


def test_the_input_is_never_repeated(served: Served) -> None:
    secret = "xyzzy" * 1000
    body = json.dumps({"dataframe_records": [{**GOOD, "distance": secret, secret: 1}] * 50}).encode()
    fields = _refused(served.server.predict(served.one.path, body), 422)
    assert secret not in json.dumps(fields) and len(fields["errors"]) == 20


def test_another_content_type_is_refused(served: Served) -> None:
    body = json.dumps({"dataframe_records": [GOOD]})
    for kind, code in (
        ("application/json; charset=utf-8", 200),
        ("text/csv", 415),
        ("application/x-www-form-urlencoded", 415),
    ):
        answer = served.server.http.post(f"{served.one.path}/predict", content=body, headers={"content-type": kind})
        assert answer.status_code == code


def test_a_body_above_the_limit_is_not_read(served: Served) -> None:
    _refused(served.server.predict(served.one.path, b" " * (100 * 2**20)), 413)

    def endless() -> Any:
        for _ in range(40):
            yield b" " * 2**20

    chunked = served.server.http.post(
        f"{served.one.path}/predict", content=endless(), headers={"content-type": "application/json"}
    )
    _refused(chunked, 413)


def test_unknown_names_are_told_the_known_ones(served: Served) -> None:
    get = served.server.http.get
    refused = _refused(get("/api/nothing/v1/cluster-stats"), 404)
    assert served.model in refused["message"] and refused["errors"][0]["loc"] == ["path", "model"]
    for name in ("v99", "v0", "v01", "1", "latest", "challenger", "v" + "9" * 300):
        refused = _refused(get(f"/api/{served.model}/{name}/cluster-stats"), 404)
        assert "v1, v2" in refused["message"] and refused["errors"][0]["loc"] == ["path", "version"]
    refused = _refused(get(f"{served.one.path}/clustering-results/nobody"), 404)
    assert refused["errors"][0]["loc"] == ["path", "row_id"] and "`clustering-results` lists" in refused["message"]
    _refused(get("/api/clustering-results/nobody"), 404)
    _refused(get("/nothing"), 404)
    _refused(served.server.http.delete("/api/models"), 405)


def test_a_version_that_cannot_answer_says_why(served: Served) -> None:
    for number, reason in ((served.failed, "3 usable rows"), (served.spoilt, "golden")):
        path = f"/api/{served.model}/v{number}"
        for answer in (
            served.server.predict(path, json.dumps({"instances": [[1, 2, 3]]}).encode()),
            served.server.http.get(f"{path}/cluster-stats"),
            served.server.http.get(f"{path}/clustering-results"),
            served.server.http.get(f"{path}/clustering-results/x"),
        ):
            assert reason in _refused(answer, 409)["message"]


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1" * 50}, "limit"),
        ({"cluster": "4"}, "cluster"),
        ({"cluster": "٣"}, "cluster"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "../../etc/passwd"}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"[1,2,3,4,5]").decode()}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"[" * 9000).decode()}, "cursor"),
        ({"offset": "5"}, "offset"),
    ],
)
def test_a_query_that_is_not_as_it_should_be(served: Served, query: dict[str, str], loc: str) -> None:
    fields = _refused(served.server.http.get(f"{served.one.path}/clustering-results", params=query), 422)
    assert fields["errors"][0]["loc"] == ["query", loc]


def test_a_cursor_holds_for_its_version_and_filter_only(served: Served) -> None:
    cursor = served.server.get(f"{served.one.path}/clustering-results", limit=1)["next_cursor"]
    for path, query in ((served.two.path, {}), (served.one.path, {"cluster": "1"})):
        _refused(served.server.http.get(f"{path}/clustering-results", params={"cursor": cursor, **query}), 422)


@pytest.mark.parametrize("row_id", ["..%2F..%2Fetc%2Fpasswd", "%00", "a/b/c", "row-000001%20", "ö" * 200, "%FF", "..."])
def test_any_text_may_be_asked_for_as_a_row_id(served: Served, row_id: str) -> None:
    answer = served.server.http.get(f"{served.one.path}/clustering-results/{row_id}")
    assert answer.status_code == 404, answer.text


def test_nothing_unexpected_was_logged(served: Served) -> None:
    assert "unexpected error" not in served.server.said()
    assert "Traceback" not in served.server.said()
