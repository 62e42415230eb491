"""Recommendations of a server in this process: what is answered, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import RequestTooLargeError, VersionUnavailableError
from serving.kinds.als.predictor import RecommenderPredictor
from tests.unit.serving.kinds.als.artifacts import Made
from tests.unit.serving.kinds.als.recommending_server import EXPLICIT, IMPLICIT, WHOLE, Server, asked, best, ratings_of


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
