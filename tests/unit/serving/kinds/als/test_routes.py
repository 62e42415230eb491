"""The routes of a recommender, in a server of this process: what they answer, and what they refuse."""

from __future__ import annotations

import asyncio
import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import RequestTooLargeError, VersionUnavailableError
from contract.model_version import ResultsFile
from contract.recommender import ITEM_FACTORS_FILE, USER_FACTORS_FILE, USERS_FILE, ListsManifest, lists_to_json
from serving.kinds.als import numbers
from serving.kinds.als.predictor import RecommenderPredictor
from serving.kinds.als.recommendation import Recommendation
from serving.kinds.prediction import PredictRequest
from serving.stored_rows.range_cache import RangeCache
from tests.unit.serving.kinds.als.artifacts import Made, made
from tests.unit.serving.kinds.test_seam import Line
from tests.unit.serving.stored_rows.counting_store import CountingStore

EXPLICIT, IMPLICIT, WHOLE = made(), made(implicit=True, seed=1), made(whole=True, seed=2)
ALS = {"kind": "als"}


class Server:
    """A model of each form, and another version of the first."""

    def __init__(self, directory: Path) -> None:
        self.line = Line(directory)
        for name, versions in (("films", (EXPLICIT, made(seed=5))), ("plays", (IMPLICIT,)), ("whole", (WHOLE,))):
            model = self.line.tracking.model(name)
            for each in versions:
                self.line.tracking.version(model, each.files, ALS)
            self.line.tracking.alias(model, "champion", 1)
        self.line.look()
        self.app = self.line._app()

    def send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                headers = {} if body is None else {"content-type": "application/json"}
                return await client.request(method, path, content=body, headers=headers)

        return asyncio.run(answer())

    def post(self, path: str, body: Any) -> Any:
        answer = self.send("POST", path, json.dumps(body).encode())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def served(self, model: str) -> Recommendation:
        served = self.line.pickup.catalogue.models[model].versions[1].required_numbers().served
        assert isinstance(served, Recommendation)
        return served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield Server(tmp_path_factory.mktemp("server"))


def ratings_of(of: Made, user: int) -> list[dict[str, Any]]:
    return [{"item": of.items[place], "rating": rating} for place, rating in of.given[user].items()]


def best(of: Made, user: int, n: int, exclude: Any) -> list[str]:
    return [of.items[place] for place, _ in of.scorer.recommend(of.scorer.recommender.user_factors[user], n, exclude)]


@pytest.mark.parametrize(("model", "of"), [("films", EXPLICIT), ("plays", IMPLICIT)])
def test_a_training_user_s_ratings_give_what_the_user_s_own_factors_give(server: Server, model: str, of: Made) -> None:
    for user, given_ratings in enumerate(of.given):
        answer = server.post(f"/api/{model}/v1/recommend", {"ratings": ratings_of(of, user), "n": 7})
        assert [each["item"] for each in answer["recommendations"]] == best(of, user, 7, given_ratings)
        assert (answer["basis"], answer["unknown_items"], answer["version"]) == ("ratings", [], 1)
        scores = of.scorer.scores(of.scorer.recommender.user_factors[user])
        for each in answer["recommendations"]:
            assert each["score"] == pytest.approx(float(scores[of.items.find(each["item"])]), abs=1e-5)
    everything = server.post(
        f"/api/{model}/champion/recommend", {"ratings": ratings_of(of, 0), "n": 1000, "exclude_rated": False}
    )
    assert [each["item"] for each in everything["recommendations"]] == best(of, 0, 1000, ())
    assert {"model": model, "version": 1, "run_id": everything["run_id"], "batch": 1}.items() <= everything.items()


def test_several_users_at_once_are_answered_as_each_alone(server: Server) -> None:
    users = [{"ratings": ratings_of(EXPLICIT, user)} for user in range(4)] + [{"ratings": []}]
    together = server.post("/api/films/v1/recommend", {"users": users, "n": 3})
    for user, answer in zip(users, together["users"], strict=True):
        alone = server.post("/api/films/v1/recommend", {**user, "n": 3})
        assert {name: alone[name] for name in answer} == answer
    assert together["users"][-1]["basis"] == "popularity" and together["model"] == "films"


def test_where_nothing_is_known_the_most_rated_come_and_the_answer_says_so(server: Server) -> None:
    order = EXPLICIT.rated.order
    nobody: list[dict[str, Any]] = [{"item": "nobody's", "rating": 5}, {"item": 12, "rating": 1}]
    for ratings in (nobody[:0], nobody):
        answer = server.post("/api/films/v1/recommend", {"ratings": ratings, "n": 4})
        assert answer["basis"] == "popularity" and answer["unknown_items"] == [each["item"] for each in ratings]
        assert answer["recommendations"] == [
            {"item": EXPLICIT.items[place], "score": float(EXPLICIT.rated.counts[place])} for place in order[:4]
        ]
    # An implicit model learns nothing of what is not liked, and does not recommend it either.
    first = IMPLICIT.items[int(IMPLICIT.rated.order[0])]
    # The second is nothing in 32 bits.
    for nothing in (0, 1e-300):
        answer = server.post("/api/plays/v1/recommend", {"ratings": [{"item": first, "rating": nothing}], "n": 2})
        assert answer["basis"] == "popularity"
        assert [each["item"] for each in answer["recommendations"]] == [
            IMPLICIT.items[int(place)] for place in IMPLICIT.rated.order[1:3]
        ]
    little = server.post("/api/plays/v1/recommend", {"ratings": [{"item": first, "rating": 1e-40}], "n": 2})
    assert little["basis"] == "ratings"


def test_integers_are_integers_however_they_are_asked(server: Server) -> None:
    ids = [int(WHOLE.items[place]) for place in (3, 4)]
    as_text, as_numbers = (
        server.post("/api/whole/v1/recommend", {"ratings": [{"item": kind(each), "rating": 4} for each in ids]})
        for kind in (str, int)
    )
    assert as_text == as_numbers and all(type(each["item"]) is int for each in as_text["recommendations"])
    assert not {each["item"] for each in as_text["recommendations"]} & set(ids)
    unknown = server.post(
        "/api/whole/v1/recommend", {"ratings": [{"item": 5, "rating": 4}, {"item": "05", "rating": 4}]}
    )
    assert unknown["unknown_items"] == [5, "05"]
    assert [type(each["item"]) for each in server.get("/api/whole/v1/items")["items"]] == [int] * 30
    assert server.get(f"/api/whole/v1/items/{ids[0]}/similar")["item"] == ids[0]


def test_of_an_item_that_is_rated_twice_the_last_rating_counts(server: Server) -> None:
    twice = [{"item": EXPLICIT.items[2], "rating": 1}, {"item": EXPLICIT.items[5], "rating": 2}]
    last = [*twice, {"item": EXPLICIT.items[2], "rating": 5}]
    once = [{"item": EXPLICIT.items[5], "rating": 2}, {"item": EXPLICIT.items[2], "rating": 5}]
    answers = [server.post("/api/films/v1/recommend", {"ratings": each})["recommendations"] for each in (last, once)]
    assert [each["item"] for each in answers[0]] == [each["item"] for each in answers[1]]
    assert [each["score"] for each in answers[0]] == pytest.approx([each["score"] for each in answers[1]], abs=1e-5)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (b"{", None),
        (b"\xff", None),
        (b"[" * 9_000, ["body"]),
        (b'{"ratings": [], "n": 0}', ["n"]),
        (b'{"ratings": [], "n": -1}', ["n"]),
        (b'{"ratings": [], "n": 1001}', ["n"]),
        (b'{"ratings": [], "n": 2.5}', ["n"]),
        (b'{"ratings": [], "n": true}', ["n"]),
        (b'{"ratings": [], "n": 99999999999999999999999}', ["n"]),
        (b'{"ratings": [], "exclude_rated": 1}', ["exclude_rated"]),
        (b'{"ratings": [], "more": 1}', ["body"]),
        (b'{"ratings": [], "users": [{"ratings": []}]}', ["body"]),
        (b"{}", ["body"]),
        (b"[]", ["body"]),
        (b'{"ratings": null}', ["ratings"]),
        (b'{"users": []}', ["users"]),
        (b'{"users": [{"ratings": []}, {}]}', ["users", 1]),
        (b'{"users": [{"ratings": [{"item": "a", "rating": "5"}]}]}', ["users", 0, "ratings", 0, "rating"]),
        (b'{"ratings": [{"item": true, "rating": 1}]}', ["ratings", 0, "item"]),
        (b'{"ratings": [{"item": null, "rating": 1}]}', ["ratings", 0, "item"]),
        (b'{"ratings": [{"item": 1.5, "rating": 1}]}', ["ratings", 0, "item"]),
        (b'{"ratings": [{"item": 1' + b"0" * 30 + b', "rating": 1}]}', ["ratings", 0, "item"]),
        (b'{"ratings": [{"item": 1' + b"0" * 5000 + b', "rating": 1}]}', ["ratings", 0, "item"]),
        (b'{"ratings": [{"item": "a"}]}', ["ratings", 0]),
        (b'{"ratings": [{"item": "a", "rating": null}]}', ["ratings", 0, "rating"]),
        (b'{"ratings": [{"item": "a", "rating": 1}, {"item": "b", "rating": 1e308}]}', ["ratings", 1, "rating"]),
        (b'{"ratings": [{"item": "a", "rating": 1e400}]}', ["ratings", 0, "rating"]),
        (b'{"ratings": [{"item": "a", "rating": NaN}]}', ["body"]),
        (b'{"ratings": [{"item": "\\ud800", "rating": 1}]}', ["body"]),
        (b'{"ratings": [{"item": "a", "rating": false}]}', ["ratings", 0, "rating"]),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_with_its_path(server: Server, body: bytes, loc: list[Any] | None) -> None:
    answer = server.send("POST", "/api/films/v1/recommend", body)
    assert answer.status_code == (400 if loc is None else 422), answer.text
    assert loc is None or answer.json()["errors"][0]["loc"] == loc
    assert len(answer.content) < 2000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b'{"\xed\xa0\x80": 1}', "{}".encode("utf-16")])
def test_what_is_no_json_is_told_alike_by_every_route(server: Server, body: bytes) -> None:
    ratings, pairs = (server.send("POST", f"/api/films/v1/{route}", body) for route in ("recommend", "predict"))
    assert [(answer.status_code, answer.json()["message"]) for answer in (ratings, pairs)] == [
        (400, pairs.json()["message"])
    ] * 2


def test_too_large_a_rating_is_refused_with_its_user(server: Server) -> None:
    item = EXPLICIT.items[0]
    users: list[Any] = [{"ratings": []}, {"ratings": [{"item": item, "rating": 3.4e38}]}]
    answer = server.send("POST", "/api/films/v1/recommend", json.dumps({"users": users}).encode())
    assert answer.status_code == 422 and answer.json()["errors"][0]["loc"] == ["users", 1, "ratings"]


def test_more_than_is_answered_at_once_is_413(server: Server) -> None:
    users: list[Any] = [{"ratings": []}] * 2000
    predictor = server.served("films").predictor
    with pytest.raises(Exception, match="2000 users times n=501 are more than 1000000 items"):
        predictor.decode(asked(json.dumps({"users": users, "n": 501}).encode()))


def test_what_would_keep_a_worker_for_long_is_413(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, request = server.served("films").predictor, asked(b'{"ratings": []}')
    decoded = predictor.decode(request)
    monkeypatch.setattr("serving.kinds.als.predictor._MOST_S", 1e-9)
    with pytest.raises(RequestTooLargeError, match="send fewer users at once"):
        predictor.predict(request, decoded)


ID = st.one_of(
    st.text(max_size=5), st.integers(), st.sampled_from([*EXPLICIT.items]), st.none(), st.booleans(), st.floats()
)
NUMBER = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.text(max_size=2), st.none())
RATING = st.fixed_dictionaries({"item": ID, "rating": NUMBER})
ANY = st.recursive(
    st.one_of(ID, NUMBER),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
)
RATINGS = st.one_of(st.lists(RATING, max_size=5), ANY)
BODY = st.one_of(
    st.binary(max_size=40),
    st.one_of(
        st.fixed_dictionaries({"ratings": RATINGS}, optional={"n": st.one_of(st.integers(-2, 1200), ANY)}),
        st.fixed_dictionaries({"users": st.lists(st.fixed_dictionaries({"ratings": RATINGS}), max_size=3)}),
        ANY,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=BODY,
    path=st.sampled_from(["films/v1", "plays/v1", "whole/v1"]),
    route=st.sampled_from(["recommend", "predict"]),
)
def test_any_bytes_get_an_answer_or_a_path(server: Server, body: bytes, path: str, route: str) -> None:
    answer = server.send("POST", f"/api/{path}/{route}", body)
    assert answer.status_code in {200, 400, 413, 422}, answer.text
    if answer.status_code == 422:
        assert answer.json()["errors"]


def asked(body: bytes, **options: Any) -> PredictRequest:
    nobody: Any = None
    return PredictRequest(body, nobody, b'"model":"films"}', posting="recommend", **options)


def test_what_takes_long_is_no_work_for_the_event_loop(server: Server) -> None:
    predictor = server.served("films").predictor
    many = json.dumps({"ratings": [{"item": i, "rating": 1} for i in range(10_000)]}).encode()
    users = json.dumps({"users": [{"ratings": []}] * 1000}).encode()
    pairs = json.dumps({"dataframe_records": [{"user_id": 7, "item id": "x"}] * 5000}).encode()
    for posting, body in (("recommend", many), ("recommend", users), ("predict", pairs)):
        request = asked(body)._replace(posting=posting)
        assert predictor.decode_soon(request) is None
        sent = pickle.loads(pickle.dumps(predictor))
        answer = sent.encode(request, sent.predict(request, sent.decode(request)))
        assert json.loads(answer.body) and sum(answer.counts) in {1, 1000, 5000}


def test_a_predictor_goes_to_a_worker_by_the_paths_of_its_files(server: Server) -> None:
    predictor = server.served("films").predictor
    sent = pickle.dumps(predictor)
    assert len(sent) < 3000
    there: RecommenderPredictor = pickle.loads(sent)
    assert there.own is None
    factors = there.numbers.scorer.recommender.item_factors
    assert isinstance(factors.base, np.memmap) or isinstance(factors, np.memmap)
    assert np.array_equal(factors, EXPLICIT.scorer.recommender.item_factors)
    gone = RecommenderPredictor(predictor.files._replace(paths=(("swathe/recommender.json", Path("/nowhere")),)))
    with pytest.raises(VersionUnavailableError, match="restart the server"):
        _ = gone.numbers


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


def stored_lists(users: list[str], rows: list[tuple[list[str], list[float], list[str], list[float]]]) -> bytes:
    texts, floats = pa.list_(pa.string()), pa.list_(pa.float32())
    names, types = ("items", "scores", "rated_items", "ratings"), (texts, floats, texts, floats)
    told = {name: pa.array(each, of) for name, each, of in zip(names, zip(*rows, strict=True), types, strict=True)}
    buffer = io.BytesIO()
    pq.write_table(pa.table({"_user": pa.array(users), **told}), buffer)
    return buffer.getvalue()


def test_stored_lists_that_could_not_be_answered_are_refused_with_their_file(tmp_path: Path) -> None:
    sound = (["7", "-2147483648"], [2.0, 1.0], ["0"], [5.0])
    odd: list[tuple[list[str], list[float], list[str], list[float]]] = [
        (["x"], [1.0], [], []),
        (["1" + "0" * 5000], [1.0], [], []),
        (["1_0"], [1.0], [], []),
        (["07"], [1.0], [], []),
        (["7"], [float("nan")], [], []),
        ([], [], ["2147483648"], [1.0]),
        ([], [], ["7"], [float("inf")]),
    ]
    of, line = made(whole=True, users=len(odd) + 1), Line(tmp_path)
    model = line.tracking.model("lists")
    line.tracking.version(model, of.files, ALS)
    line.tracking.tag(model, 1, "results", "m")
    line.look()
    body = stored_lists([*of.users], [sound, *odd])
    run_id = str(line.pickup.catalogue.models[model].versions[1].run_id)
    file = ResultsFile("a-key", "e", len(body), len(of.users), (of.users[0],), (of.users[-1],))
    store: Any = CountingStore(
        {"a-key": body, "m": lists_to_json(ListsManifest(model, run_id, len(of.users), (file,)))}
    )
    line.stored = RangeCache(store, tmp_path / "ranges", 10**6)
    line.stored.prepare()
    paths = [f"/api/lists/v1/recommendations/{quote(user)}" for user in of.users]
    first, *others = line.ask(*(("GET", path, None) for path in paths))
    assert first.status_code == 200 and [each["item"] for each in first.json()["recommendations"]] == [7, -(2**31)]
    for answer in others:
        assert answer.status_code == 502 and "a-key" in answer.json()["message"], answer.text
        assert len(answer.content) < 1000


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


def test_names_that_could_not_be_answered_are_their_version_s_matter(tmp_path: Path) -> None:
    line = Line(tmp_path)
    model = line.tracking.model("odd")
    text = WHOLE.files["swathe/users.txt"]
    odd = {**WHOLE.files, "swathe/users.txt": text[: text.rindex(b'"n')] + b'"\\ud800"\n'}
    raw = {**WHOLE.files, "swathe/users.txt": text[: text.rindex(b'"n')] + b'"\xed\xa0\x80"\n'}
    items = WHOLE.files["swathe/items.txt"]
    wholes = [
        {**WHOLE.files, "swathe/items.txt": items.replace(b'"0"', b'"%s"' % name)}
        for name in (b"0.5", b"-9999999999999999999", b"-2147483649", b"0_1")
    ]
    smile = {**WHOLE.files, "swathe/users.txt": text[: text.rindex(b'"n')] + b'"\\ud83d\\ude00"\n'}
    for files in (odd, raw, *wholes):
        line.tracking.version(model, files, ALS)
    line.tracking.version(model, {**smile, "swathe/golden.json": _without_the_last_user()}, ALS)
    lowest = {name: body.replace(b'"0"', b'"-2147483648"') for name, body in WHOLE.files.items()}
    line.tracking.version(model, lowest, ALS)
    line.look()
    versions = line.pickup.catalogue.models["odd"].versions
    assert [version.state for version in versions.values()] == ["unavailable"] * 6 + ["ready"] * 2
    reasons = [version.reason or "" for version in versions.values()]
    assert "is no text" in reasons[0] and "a JSON string a line" in reasons[1]
    assert all("is no integer" in reason for reason in reasons[2:6])


def _without_the_last_user() -> bytes:
    golden = json.loads(WHOLE.files["swathe/golden.json"])
    return json.dumps({**golden, "users": golden["users"][:-1]}).encode()


def test_a_golden_file_that_tells_nothing_is_its_version_s_matter(tmp_path: Path) -> None:
    line = Line(tmp_path)
    model = line.tracking.model("odd")
    golden = json.loads(EXPLICIT.files["swathe/golden.json"])
    far = [{**user, "factors": [9.0] * 3} for user in golden["users"]]
    odd: list[dict[str, Any]] = [{"users": []}, {"pairs": []}, {"longest": 1e300, "users": far}]
    for changed in odd:
        line.tracking.version(
            model, {**EXPLICIT.files, "swathe/golden.json": json.dumps({**golden, **changed}).encode()}, ALS
        )
    line.look()
    assert [version.state for version in line.pickup.catalogue.models["odd"].versions.values()] == ["unavailable"] * 3


def test_what_takes_long_is_made_at_loading(server: Server) -> None:
    loaded = numbers.load(server.served("plays").predictor.files)
    assert "_table" in vars(loaded.users.ids) and "_table" in vars(loaded.items.ids) and "order" in vars(loaded.rated)


@pytest.mark.parametrize(
    "name", [USER_FACTORS_FILE, ITEM_FACTORS_FILE, USERS_FILE, "swathe/golden.json", "swathe/statistics.json"]
)
def test_an_artifact_that_is_not_what_it_should_be_is_its_version_s_matter(tmp_path: Path, name: str) -> None:
    line = Line(tmp_path)
    model = line.tracking.model("odd")
    line.tracking.version(model, {**EXPLICIT.files, name: made(seed=9, users=5).files[name]}, ALS)
    line.tracking.version(model, EXPLICIT.files, ALS)
    line.look()
    odd, sound = line.pickup.catalogue.models["odd"].versions.values()
    assert (odd.state, sound.state) == ("unavailable", "ready") and odd.reason and str(tmp_path) not in odd.reason
