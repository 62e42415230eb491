"""The other routes of a recommender, in a server of this process."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from serving.kinds.als import numbers
from tests.unit.serving.kinds.als.recommending_server import EXPLICIT, Server, asked, ratings_of


def test_pairs_get_spark_s_rating_or_the_reason_why_there_is_none(server: Server) -> None:
    user, item = int(EXPLICIT.users[2]), EXPLICIT.items[3]
    rows = [[user, item], [999, item], [user, "nobody's"], [999, "nobody's"], [None, item]]
    answer = server.post(
        "/api/films/v1/predict", {"dataframe_split": {"columns": ["user_id", "item id"], "data": rows}}
    )
    rated, *others = answer["predictions"]
    assert np.float32(rated["rating"]) == np.float32(EXPLICIT.scorer.predict(2, 3)) and rated["reason"] is None
    reasons = ["unknown user", "unknown item", "unknown user and item", "unknown user"]
    assert others == [{"rating": None, "reason": reason} for reason in reasons]
    records = [{"user_id": user, "item id": item}, {"user_id": str(user), "item id": True}]
    refused = server.send("POST", "/api/films/v1/predict", json.dumps({"instances": records}).encode())
    assert refused.status_code == 422 and refused.json()["errors"][0]["loc"] == ["instances", 1, "user_id"]
    apart = server.post("/api/films/v1/predict?on_error=null", {"instances": records})
    assert apart["predictions"] == [rated, None] and apart["errors"][0]["index"] == 1


def test_the_inference_protocol_takes_two_named_tensors(server: Server) -> None:
    base = "/v2/models/films/versions/1"
    tensors = [
        {"name": "user_id", "shape": [2], "datatype": "INT64", "data": [int(EXPLICIT.users[1]), 999]},
        {"name": "item id", "shape": [2], "datatype": "BYTES", "data": [EXPLICIT.items[4]] * 2},
    ]
    told = server.get(base)
    assert [(each["name"], each["datatype"]) for each in told["inputs"]] == [("user_id", "INT64"), ("item id", "BYTES")]
    assert told["outputs"] == [{"name": "rating", "datatype": "FP64", "shape": [-1]}]
    answer = server.post(f"{base}/infer", {"inputs": tensors})
    assert answer["outputs"][0]["data"] == [EXPLICIT.scorer.predict(1, 4), None]
    binary = server.send(
        "POST", f"{base}/infer", json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    )
    head = int(binary.headers["inference-header-content-length"])
    numbers = np.frombuffer(binary.content[head:], "<f8")
    assert numbers[0] == EXPLICIT.scorer.predict(1, 4) and np.isnan(numbers[1])
    assert server.send("POST", f"{base}/infer", json.dumps({"inputs": tensors[:1]}).encode()).status_code == 422


def pages(server: Server, path: str, name: str) -> list[Any]:
    found, cursor = [], ""
    while True:
        page = server.get(f"{path}{'&' if '?' in path else '?'}limit=4{cursor}")
        found += page[name]
        assert page["model"] == "films" and len(page[name]) <= 4
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_users_and_items_are_listed_by_page(server: Server) -> None:
    assert pages(server, "/api/films/v1/users", "users") == [int(user) for user in EXPLICIT.users]
    items = pages(server, "/api/films/v1/items", "items")
    order = EXPLICIT.rated.order.tolist()
    assert [each["item"] for each in items] == [EXPLICIT.items[place] for place in order]
    assert [each["ratings"] for each in items] == EXPLICIT.rated.counts[order].tolist()
    assert [each["mean_rating"] for each in items] == EXPLICIT.rated.means[order].tolist()
    found = pages(server, "/api/films/v1/items?prefix=n2", "items")
    assert found == [each for each in items if each["item"].startswith("n2")] and len(found) == 11
    assert server.get("/api/films/v1/items?prefix=zz")["items"] == []
    cursor = server.get("/api/films/v1/items?limit=4")["next_cursor"]
    for wrong in (
        f"items?prefix=n2&cursor={cursor}",
        f"users?cursor={cursor}",
        "users?cursor=x",
        "users?limit=0",
        "items?x=1",
    ):
        assert server.send("GET", f"/api/films/v1/{wrong}").status_code == 422
    assert server.send("GET", f"/api/films/v2/items?cursor={cursor}").status_code == 422


def test_the_similar_are_nearest_by_cosine(server: Server) -> None:
    item = EXPLICIT.items[7]
    answer = server.get(f"/api/films/v1/items/{quote(item)}/similar?n=5")
    expected = EXPLICIT.scorer.similar(7, 5)
    assert [(each["item"], each["similarity"]) for each in answer["similar"]] == [
        (EXPLICIT.items[i], pytest.approx(c, abs=1e-7)) for i, c in expected
    ]
    unknown = server.send("GET", "/api/films/v1/items/a/b/similar")
    assert unknown.status_code == 404 and "no item 'a/b'" in unknown.json()["message"]
    assert server.send("GET", f"/api/films/v1/items/{quote(item)}/similar?n=0").status_code == 422


def test_statistics_stand_beside_their_baselines(server: Server) -> None:
    told = server.get("/api/films/v1/model-stats")
    assert (told["users"], told["items"], told["density"]) == (6, 30, 0.25)
    assert (
        told["held_out"]["values"]["rmse"] == 0.9 and told["held_out"]["baselines"]["user_item_means"]["rmse"] == 0.95
    )
    assert told["columns"]["item"] == {"name": "item id", "type": "string"} and told["prequential"] is None
    # The default model's, by the short paths.
    assert server.get("/api/model-stats") == told and server.get("/api/items?limit=1")["model"] == "films"


def test_a_version_without_stored_lists_says_so(server: Server) -> None:
    answer = server.send("GET", f"/api/films/v1/recommendations/{EXPLICIT.users[0]}")
    assert answer.status_code == 409 and "no stored lists" in answer.json()["message"]
    assert server.send("GET", "/api/films/v1/recommendations/nobody").status_code == 404


def test_outcomes_are_counted_and_documents_have_the_routes(server: Server) -> None:
    server.post("/api/films/v2/recommend", {"users": [{"ratings": []}, {"ratings": ratings_of(EXPLICIT, 0)}]})
    server.post("/api/films/v2/predict", {"instances": [[7, "nobody's"]]})
    text = server.send("GET", "/metrics").text
    for outcome in ("ratings", "popularity", "unknown"):
        assert f'swathe_recommender_answers_total{{model="films",outcome="{outcome}",version="2"}} 1.0' in text
    assert 'swathe_rows_total{model="films",version="2"} 3.0' in text
    openapi, client = server.get("/openapi.json"), server.get("/openapi-client.json")
    paths = ("recommend", "predict", "users", "recommendations/{user}", "items", "items/{item}/similar", "model-stats")
    for path in paths:
        assert f"/api/films/v1/{path}" in openapi["paths"] and f"/api/{{model}}/{{version}}/{path}" in client["paths"]
    body = openapi["paths"]["/api/films/v1/recommend"]["post"]["requestBody"]["content"]["application/json"]
    assert server.post("/api/films/v1/recommend", body["example"])["basis"] == "ratings"
    listed = {model["name"]: model["versions"][0] for model in server.get("/api/models")}
    assert (listed["films"]["users"], listed["films"]["items"], listed["plays"]["implicit"]) == (6, 30, True)


def test_two_versions_are_compared_by_what_a_person_would_see(server: Server) -> None:
    one, two = (server.line.pickup.catalogue.models["films"].versions[i].required_numbers().served for i in (1, 2))
    assert two.takes_the_rows_of(one) and not server.served("plays").takes_the_rows_of(one)
    users = json.dumps({"users": [{"ratings": ratings_of(EXPLICIT, user)} for user in range(6)]}).encode()
    pairs = json.dumps(
        {"instances": [[int(user), item] for user in EXPLICIT.users for item in EXPLICIT.items]}
    ).encode()
    for posting, body, rows in (("recommend", users, 6), ("predict", pairs, 180)):
        request = asked(body, shadow=two.predictor)._replace(posting=posting)
        found = one.predictor.encode(request, one.predictor.predict(request, one.predictor.decode(request)))
        assert found.differing is not None and rows // 2 < found.differing <= rows
        same = request._replace(shadow=one.predictor)
        assert one.predictor.predict(same, one.predictor.decode(same)).rows == 0


def test_what_takes_long_is_made_at_loading(server: Server) -> None:
    loaded = numbers.load(server.served("plays").predictor.files)
    assert "_table" in vars(loaded.users.ids) and "_table" in vars(loaded.items.ids) and "order" in vars(loaded.rated)
