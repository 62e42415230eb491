"""What each route answers, against a real server, registry and object store."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.integration.serving.conftest import Served
from tests.integration.serving.prediction_server import eventually
from tests.integration.serving.registered import FEATURES, predict_body, record


def _same(served: Served, answer: Any) -> None:
    found = answer.json()["predictions"]
    assert [row["cluster"] for row in found] == list(served.one.clusters[: len(found)])
    assert [row["distance"] for row in found] == list(served.one.distances[: len(found)])
    assert [row["label"] for row in found] == [f"C{row['cluster'] + 1}" for row in found]


@pytest.mark.parametrize("rows", [1, 4, 5, 1000])
def test_predictions_are_those_of_the_numbers_to_the_last_bit(served: Served, rows: int) -> None:
    answer = served.server.predict(served.one.path, predict_body(served.one, range(rows)))
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == rows
    _same(served, answer)


def test_a_large_body_goes_through_a_worker_and_gets_the_same_answer(served: Served) -> None:
    body = json.dumps({"dataframe_records": [record(served.one, i % 1500) for i in range(9000)]}).encode()
    assert len(body) > 256 * 1024
    found = served.server.predict(served.one.path, body).json()["predictions"]
    assert [row["distance"] for row in found] == list(served.one.distances) * 6
    bad = body.replace(b"}]}", b', "x": 1}]}')
    refused = served.server.predict(served.one.path, bad)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"loc": ["dataframe_records", 8999, "x"], "msg": "unknown feature"}]


def test_all_ways_to_write_rows_say_the_same(served: Served) -> None:
    records = [record(served.one, i) for i in range(6)]
    rows = [[row[name] for name in FEATURES] for row in records]
    turned = [[row[name] for name in reversed(FEATURES)] for row in records]
    for body in (
        {"dataframe_records": records},
        {"dataframe_split": {"columns": FEATURES, "data": rows}},
        {"dataframe_split": {"columns": FEATURES[::-1], "data": turned, "index": list(range(6))}},
        {"instances": records},
        {"instances": rows},
        {"inputs": rows},
        {"inputs": {name: [row[name] for row in records] for name in FEATURES}},
    ):
        answer = served.server.predict(served.one.path, json.dumps(body).encode())
        assert answer.status_code == 200, (body, answer.text)
        _same(served, answer)


def test_each_answer_leads_back(served: Served) -> None:
    answer = served.server.predict(served.two.path, predict_body(served.two, range(1))).json()
    chain = {"model": served.model, "version": 2, "run_id": served.two.run_id, "batch": 2}
    assert {name: answer[name] for name in chain} == chain
    assert chain.items() <= served.server.get(f"{served.two.path}/cluster-stats").items()
    assert chain.items() <= served.server.get(f"{served.two.path}/clustering-results", limit=1).items()


def test_cluster_statistics_are_the_rows_added_up(served: Served) -> None:
    clusters = served.server.get(f"{served.one.path}/cluster-stats")["clusters"]
    assert sum(cluster["size"] for cluster in clusters) == len(served.one.rows)
    for cluster in clusters:
        own = served.one.rows[np.array(served.one.clusters) == cluster["cluster"]]
        assert cluster["size"] == len(own)
        for j, name in enumerate(FEATURES):
            assert cluster["features"][name]["missing"] == np.isnan(own[:, j]).sum()
            assert cluster["features"][name]["max"] == np.nanmax(own[:, j])


def test_pages_hold_every_row_once_and_in_order(served: Served) -> None:
    for cluster in (None, 0, 1, 2, 3):
        wanted = [i for i in range(1500) if cluster in {None, served.one.clusters[i]}]
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 173} | ({} if cluster is None else {"cluster": cluster})
        while True:
            page = served.server.get(f"{served.one.path}/clustering-results", **query)
            found += page["results"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert [row["row_id"] for row in found] == sorted(served.one.row_ids[i] for i in wanted)


def test_all_rows_come_as_lines(served: Served) -> None:
    for cluster in (None, 2):
        query = {} if cluster is None else {"cluster": str(cluster)}
        path = f"{served.one.path}/clustering-results"
        answer = served.server.http.get(path, params=query, headers={"accept": "application/x-ndjson"})
        rows = [json.loads(line) for line in answer.text.splitlines()]
        wanted = [i for i in range(1500) if cluster in {None, served.one.clusters[i]}]
        assert [row["row_id"] for row in rows] == sorted(served.one.row_ids[i] for i in wanted)
    assert answer.headers["content-type"] == "application/x-ndjson"
    refused = served.server.http.get(path, params={"cluster": 99}, headers={"accept": "application/x-ndjson"})
    assert refused.status_code == 422


def test_a_stored_row_is_found_by_its_id(served: Served) -> None:
    for i in (0, 1, 749, 1499):
        answer = served.server.get(f"{served.one.path}/clustering-results/{served.one.row_ids[i]}")
        (row,) = answer["results"]
        assert row["features"] == record(served.one, i)
        assert (row["cluster"], row["distance"]) == (served.one.clusters[i], served.one.distances[i])
        assert (row["partition"], row["offset"]) == (i % 3, i // 3)


def test_the_short_paths_mean_the_champion(served: Served) -> None:
    assert served.server.get("/api/cluster-stats")["version"] == 1
    assert served.server.get("/api/clustering-results", limit=2)["version"] == 1
    row = served.server.get(f"/api/clustering-results/{served.one.row_ids[3]}")
    assert (row["version"], row["results"][0]["row_id"]) == (1, served.one.row_ids[3])
    body = predict_body(served.one, range(1))
    assert served.server.predict(f"/api/{served.model}/champion", body).json()["version"] == 1


def test_models_lists_states_and_reasons(served: Served) -> None:
    versions = served.server.versions(served.model)
    assert {number: version["state"] for number, version in versions.items()} == {
        1: "ready",
        2: "ready",
        served.failed: "failed",
        served.spoilt: "unavailable",
    }
    assert versions[served.failed]["reason"] == "3 usable rows are fewer than 5 clusters"
    assert "golden" in versions[served.spoilt]["reason"]
    assert versions[1]["rows"] == 1500


def test_what_was_answered_may_be_kept_and_asked_for_by_its_tag(served: Served) -> None:
    path = f"{served.one.path}/clustering-results?limit=3"
    first = served.server.http.get(path)
    # A model that is deleted and made anew has the same paths.
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for told in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = served.server.http.get(path, headers={"if-none-match": told})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), told
    for told in ('"*"', "x", f'"x{tag[1:]}', ""):
        assert served.server.http.get(path, headers={"if-none-match": told}).status_code == 200, told
    other = served.server.http.get(path.replace("limit=3", "limit=4"))
    assert other.headers["etag"] != first.headers["etag"]
    assert served.server.http.get("/api/cluster-stats").headers["cache-control"] == "no-cache"


def test_openapi_lists_each_ready_version_with_its_features(served: Served) -> None:
    document = served.server.get("/openapi.json")
    for name in ("v1", "v2", "champion"):
        body = document["paths"][f"/api/{served.model}/{name}/predict"]["post"]["requestBody"]
        example = body["content"]["application/json"]["example"]
        answer = served.server.predict(f"/api/{served.model}/{name}", json.dumps(example).encode())
        assert answer.status_code == 200, answer.text
    assert f"/api/{served.model}/v{served.failed}/predict" not in document["paths"]
    assert "swagger-ui" in served.server.http.get("/docs").text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert served.server.http.get(f"/docs-assets/{asset}").status_code == 200


def test_metrics_count_rows_and_codes_per_version(served: Served) -> None:
    served.server.predict(served.two.path, predict_body(served.two, range(7)))
    text = served.server.http.get("/metrics").text
    model, route = f'model="{served.model}"', 'route="/api/{model}/{version}/predict"'
    assert f'swathe_requests_total{{code="200",{model},{route},version="2"}}' in text
    rows = next(line for line in text.splitlines() if line.startswith(f'swathe_rows_total{{{model},version="2"}}'))
    assert float(rows.split()[-1]) >= 7
    assert f'swathe_version_state{{model="{served.model}",state="failed",version="{served.failed}"}} 1.0' in text


def test_request_id_and_trace_come_back(served: Served) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = served.server.http.get("/nothing", headers={"x-request-id": "mine-1", "traceparent": trace})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-1"
    assert answer.headers["traceparent"] == trace
    # The line is written behind the answer.
    eventually("it is logged", lambda: "request_id=mine-1" in served.server.said())
    other = served.server.http.get("/nothing", headers={"x-request-id": "bad id"})
    assert other.headers["x-request-id"] != "bad id"
