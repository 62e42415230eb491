"""Typed rows: answered by the same arithmetic however they come, and anything else is refused with its path."""

from __future__ import annotations

import json
import math
import pickle
import struct
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import Fault, InvalidRequestError, RequestError, RequestTooLargeError
from contract.moment import EARLIEST_US, LATEST_US, us_text
from scoring.features import Encoding, Input
from scoring.forms import Category, Number
from scoring.kmeans import Assigner, Scoring
from serving.kinds.clusters.predictor import ClusterPredictor
from serving.kinds.clusters.tensors import OUTPUTS
from serving.kinds.litserve_api import LARGE_BYTES, Predictions
from serving.kinds.prediction import Answer, PredictRequest, Tensors
from serving.rows_in import named_tensors, tensors
from tests.integration.serving import typed

CHAIN = {"model": "m", "version": 1, "run_id": "r", "batch": 1}
SCORING = typed.scoring_of(1)
PREDICTOR = ClusterPredictor(Assigner(SCORING))
NAMES = [each.name for each in typed.ENCODING.inputs]
COLUMNS = typed.columns_of(300, 7)
ROWS = [typed.in_json(row) for row in zip(*COLUMNS, strict=True)]
CLUSTERS, DISTANCES = Assigner(SCORING).assign(typed.ENCODING.rows(COLUMNS))


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """The model's contract with LitServe."""
    return Predictions(tmp_path_factory.mktemp("locks"))


def _asked(body: object, predictor: ClusterPredictor = PREDICTOR, **more: Any) -> PredictRequest:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PredictRequest(encoded, predictor, json.dumps(CHAIN).encode()[1:], **more)


def _worked(predictions: Predictions, asked: PredictRequest) -> Answer:
    """Return what a worker answers, to which the request is sent."""
    sent = pickle.loads(pickle.dumps(asked))
    return predictions.encode_response(predictions.predict(predictions.decode_request(sent)))


def _predictions(answer: Answer) -> list[Any]:
    assert answer.error is None, answer.error
    found: list[Any] = json.loads(answer.body)["predictions"]
    return found


@pytest.mark.parametrize("n", [1, 4, 5, 300])
@pytest.mark.parametrize("form", ["records", "split", "instances", "arrays", "columns"])
def test_every_way_to_send_rows_gives_the_same(predictions: Predictions, n: int, form: str) -> None:
    records = [dict(zip(NAMES, row, strict=True)) for row in ROWS[:n]]
    body: Any = {
        "records": {"dataframe_records": records},
        "split": {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS[:n]]}},
        "instances": {"instances": [records[0], *ROWS[1:n]]},
        "arrays": {"inputs": ROWS[:n]},
        "columns": {"inputs": {name: [row[j] for row in ROWS[:n]] for j, name in enumerate(NAMES)}},
    }[form]
    for apart in (False, True):
        asked = _asked(body, apart=apart)
        at_once, worked = predictions.answer_soon(asked), _worked(predictions, asked)
        assert at_once is not None and at_once.body == worked.body
        told = _predictions(worked)
        assert [row["cluster"] for row in told] == CLUSTERS[:n].tolist()
        assert [row["distance"] for row in told] == DISTANCES[:n].tolist()


def test_one_column_may_be_two_numbers(predictions: Predictions) -> None:
    twice = Encoding((Input("a"), Input("b")), (Number("x", "b"), Number("y", "a"), Number("z", "a")))
    ones = (1.0,) * 3
    centers = ((0.0, 0.0, 0.0), (1.0, 2.0, 2.0))
    predictor = ClusterPredictor(
        Assigner(Scoring(twice.names, ones, (0.0,) * 3, ones, centers, ("C1", "C2"), ones, twice))
    )
    for n in (1, 9):
        asked = _asked({"instances": [[2, 1]] * n}, predictor)
        assert [(row["cluster"], row["distance"]) for row in _predictions(_worked(predictions, asked))] == [
            (1, 0.0)
        ] * n


def test_an_unknown_category_is_other(predictions: Predictions) -> None:
    row = dict(zip(NAMES, ROWS[0], strict=True))
    unknown: list[Any] = ["never seen", "", "AA ", "\x00", "\ud800", "x" * 10**6, "\u202e</script>"]
    told = [_predictions(_worked(predictions, _asked({"instances": [{**row, "carrier": x}]})))[0] for x in unknown]
    stops = [_predictions(_worked(predictions, _asked({"instances": [{**row, "stops": x}]})))[0] for x in (5, -(2**63))]
    # `other` is a value of its own here.
    other = {**row, "carrier": "other"}
    own = _predictions(_worked(predictions, _asked({"instances": [other]})))[0]
    assert all(each == told[0] for each in told) and stops[0] == stops[1]
    assert own["distance"] != told[0]["distance"]


def test_many_new_categories_are_answered_and_not_kept(predictions: Predictions) -> None:
    rows = [{**dict(zip(NAMES, ROWS[0], strict=True)), "carrier": f"new {i}", "stops": i + 10} for i in range(10_000)]
    before = pickle.dumps(PREDICTOR)
    told = _predictions(_worked(predictions, _asked({"dataframe_records": rows})))
    assert len(told) == 10_000 and all(row == told[0] for row in told)
    assert pickle.dumps(PREDICTOR) == before


def test_a_bad_row_is_null_beside_the_others(predictions: Predictions) -> None:
    rows = [list(row) for row in ROWS[:6]]
    rows[1][5], rows[3][3], rows[4][2] = "tomorrow", 1.5, 7
    for body, place in (
        ({"instances": rows}, [1, 5]),
        ({"inputs": dict(zip(NAMES, zip(*rows, strict=True), strict=True))}, ["at", 1]),
    ):
        answer = json.loads(_worked(predictions, _asked(body, apart=True)).body)
        assert [row and row["cluster"] for row in answer["predictions"]] == [
            None if i in (1, 3, 4) else int(CLUSTERS[i]) for i in range(6)
        ]
        assert [error["index"] for error in answer["errors"]] == [1, 3, 4]
        assert answer["errors"][0]["loc"][-2:] == place and "2013-01-01T05:00:00Z" in answer["errors"][0]["msg"]


def test_what_takes_long_is_left_to_a_worker_soon(predictions: Predictions) -> None:
    wide = _asked({"instances": [ROWS[0]] * 2_000})
    few = _asked({"instances": [ROWS[0]] * 400})
    for asked in (wide, few, _asked(wide.body[:-1]), _asked({"instances": [ROWS[0][:5]] * 300}, apart=True)):
        taken = []
        for _ in range(3):
            began = time.thread_time()
            predictions.answer_soon(asked)
            taken.append(time.thread_time() - began)
        assert min(taken) < 0.1
    # A few bytes may be very many numbers.
    values = Encoding((Input("a", "string"),), (Category("a", "a", tuple(map(str, range(256)))),))
    many = (0.0,) * values.width
    predictor = ClusterPredictor(Assigner(Scoring(values.names, many, many, many, (many,), ("C1",), many, values)))
    assert predictions.answer_soon(_asked({"inputs": {"a": [None] * 2_000}}, predictor)) is None
    assert predictions.answer_soon(_asked({"inputs": {"a": [None] * 100}}, predictor)) is not None
    assert len(wide.body) < LARGE_BYTES and predictions.answer_soon(wide) is None
    assert len(_predictions(_worked(predictions, wide))) == 2_000


def test_rows_are_counted_as_wide_as_their_numbers_are(
    predictions: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.rows_in.size.MOST_NUMBERS", 5_000)
    assert _worked(predictions, _asked({"instances": ROWS[:200]})).error is None
    assert isinstance(_worked(predictions, _asked({"instances": ROWS[:250]})).error, RequestTooLargeError)
    assert isinstance(_worked(predictions, _asked({"instances": ROWS[:250]}, apart=True)).error, RequestTooLargeError)


def test_a_shadow_encodes_by_its_own_numbers(predictions: Predictions) -> None:
    other = typed.scoring_of(2)
    shadow = ClusterPredictor(Assigner(other))
    clusters, _ = Assigner(other).assign(other.encoding.rows(COLUMNS))
    expected = int((clusters != CLUSTERS).sum())
    assert expected
    for body, more in (
        ({"instances": ROWS}, {}),
        ({"instances": ROWS}, {"apart": True}),
        ({"inputs": _tensors(300)}, {"tensors": Tensors(None, CHAIN)}),
    ):
        asked = _asked(body, shadow=shadow, **more)
        assert _worked(predictions, asked).differing == expected
        assert _worked(predictions, asked._replace(shadow=PREDICTOR)).differing == 0


def _tensors(n: int, shape: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "datatype": named_tensors.DATATYPES[each.type],
            "shape": [n, *shape],
            "data": [[row[j]] if shape else row[j] for row in ROWS[:n]],
        }
        for j, each in enumerate(typed.ENCODING.inputs)
    ]


def _encoded(each: dict[str, Any]) -> bytes:
    data = [cell for row in each["data"] for cell in row] if len(each["shape"]) == 2 else each["data"]
    if each["datatype"] == "BYTES":
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in data)
    return np.array(data, {"FP64": "<f8", "INT64": "<i8", "BOOL": "u1"}[each["datatype"]]).tobytes()


@pytest.mark.parametrize("n", [1, 300])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_tensor_each_gives_the_same(predictions: Predictions, n: int, shape: tuple[int, ...]) -> None:
    asked = _asked({"id": "x", "inputs": _tensors(n, shape)[::-1]}, tensors=Tensors(None, CHAIN))
    told = {each["name"]: each["data"] for each in json.loads(_worked(predictions, asked).body)["outputs"]}
    assert told["cluster"] == CLUSTERS[:n].tolist() and told["distance"] == DISTANCES[:n].tolist()


def test_binary_tensors_lie_in_their_order_among_others(predictions: Predictions) -> None:
    whole = [i for i, row in enumerate(ROWS) if None not in row]
    sent = [{**each, "shape": [len(whole)], "data": [each["data"][i] for i in whole]} for each in _tensors(300)]
    tail = b""
    # The third stays JSON, and may have a missing value.
    for each in [*sent[:2], *sent[3:]]:
        body = _encoded(each)
        each["parameters"] = {"binary_data_size": len(body)}
        del each["data"]
        tail += body
    header = json.dumps({"inputs": sent}).encode()
    asked = _asked(header + tail, tensors=Tensors(len(header), CHAIN))
    told = {each["name"]: each["data"] for each in json.loads(_worked(predictions, asked).body)["outputs"]}
    assert told["distance"] == DISTANCES[whole].tolist()


def _refused(sent: list[dict[str, Any]], tail: bytes = b"") -> InvalidRequestError:
    header = json.dumps({"inputs": sent}).encode()
    with pytest.raises(InvalidRequestError) as caught:
        tensors.decode(header + tail, len(header), PREDICTOR.inputs, tuple(OUTPUTS))
    return caught.value


@pytest.mark.parametrize(
    ("place", "changed", "loc", "said"),
    [
        (2, {"datatype": "FP64"}, ("inputs", "carrier"), "datatype must be BYTES"),
        (3, {"datatype": "FP64"}, ("inputs", "stops"), "datatype must be INT64"),
        (0, {"shape": [3]}, ("inputs", "distance"), "has 2 rows, dep delay has 3"),
        (1, {"shape": [2, 2]}, ("inputs", "distance"), "shape must be [n] or [n, 1] with n of 1 or more, not [2, 2]"),
        (1, {"shape": []}, ("inputs", "distance"), "shape must be [n] or [n, 1] with n of 1 or more, not []"),
        (1, {"shape": [0]}, ("inputs", "distance"), "shape must be [n] or [n, 1] with n of 1 or more, not [0]"),
        (1, {"data": [1]}, ("inputs", "distance"), "data has 1 elements for shape [2]"),
        (1, {"data": {"0": 1}}, ("inputs", "distance"), "data has no array for shape [2]"),
        (1, {"data": [[1], [2]]}, ("inputs", "distance", "data", 0), "must be a number or null, not an array"),
        (2, {"data": ["AA", 7]}, ("inputs", "carrier", "data", 1), "must be a string or null, not a number"),
        (
            3,
            {"data": [1, 1.0]},
            ("inputs", "stops", "data", 1),
            "must be an integer or null, not a number with a point",
        ),
        (4, {"data": [0, 1]}, ("inputs", "late", "data", 0), "must be true, false or null, not a number"),
        (
            5,
            {"data": ["2013-01-01", "noon"]},
            ("inputs", "at", "data", 1),
            "must be an ISO 8601 time such as 2013-01-01T",
        ),
        (5, {"name": "x" * 200}, ("inputs", "x" * 100), "no such input; there are dep delay, distance"),
        (5, {"name": "late"}, ("inputs", "late"), "stands twice"),
        (5, {"parameters": {"binary_data_size": 2}}, ("inputs", "at"), "has both data and a binary_data_size"),
    ],
)
def test_a_fault_names_its_tensor(place: int, changed: dict[str, Any], loc: tuple[Any, ...], said: str) -> None:
    sent = _tensors(2)
    sent[place] = {**sent[place], **changed}
    refused = _refused(sent)
    assert refused.faults[0].loc == loc and refused.faults[0].msg.startswith(said)
    assert str(loc[1])[:100] in str(refused)


@pytest.mark.parametrize(
    ("place", "body", "said"),
    [
        (0, b"\0" * 15, "[2] FP64 take 16 bytes; binary_data_size is 15"),
        (0, struct.pack("<2d", 1, math.nan), "must be finite numbers"),
        (3, b"\0" * 8, "[2] INT64 take 16 bytes"),
        (4, b"\0\2", "must be bytes of 0 or 1"),
        (2, b"\2\0\0\0AA", "must be 2 times a length in four bytes"),
        (2, b"\2\0\0\0AA\xff\xff\xff\xffB", "must be 2 times a length in four bytes"),
        (2, b"\2\0\0\0AA\2\0\0\0B6x", "must be 2 times a length in four bytes"),
        (2, b"\2\0\0\0AA\1\0\0\0\xff", "is not UTF-8"),
        (5, b"\2\0\0\0AA\2\0\0\0B6", "must be an ISO 8601 time"),
    ],
)
def test_a_fault_in_bytes_names_its_tensor(place: int, body: bytes, said: str) -> None:
    sent = _tensors(2)
    del sent[place]["data"]
    sent[place]["parameters"] = {"binary_data_size": len(body)}
    refused = _refused(sent, body)
    assert refused.faults[0].msg.startswith(said) and refused.faults[0].loc[:2] == ("inputs", NAMES[place])
    assert "is absent" in _refused(sent[:place] + sent[place + 1 :]).faults[0].msg
    sent[place]["parameters"] = {"binary_data_size": len(body) + 1}
    assert "bytes are left" in _refused(sent, body).faults[0].msg


def test_no_bytes_are_left_behind_the_last_tensor() -> None:
    assert _refused(_tensors(2), b"x").faults == (Fault(("inputs",), "1 bytes are left behind the last tensor"),)


junk = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.sampled_from(["2013-01-01"])
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "x"]), inner, max_size=3),
    max_leaves=8,
)
tensor = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "datatype": st.sampled_from(["FP64", "BYTES", "INT64", "BOOL", "FP32"]),
        "shape": st.lists(st.integers(-1, 3), max_size=3),
    },
    optional={"data": junk, "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 9)})},
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(st.lists(tensor, min_size=1, max_size=7), st.binary(max_size=20), st.booleans())
def test_any_tensors_at_all_are_read_or_refused(sent: list[dict[str, Any]], tail: bytes, complete: bool) -> None:
    if complete:
        sent = [next((each for each in sent if each["name"] == own["name"]), own) for own in _tensors(2)]
    header = json.dumps({"inputs": sent}).encode()
    try:
        found = tensors.decode(header + tail, len(header), PREDICTOR.inputs, tuple(OUTPUTS))
    except RequestError:
        return
    assert len({len(column) for column in found.columns}) == 1


CELLS = {
    "double": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    "long": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, 2**62 + 1])),
    "string": st.one_of(st.none(), st.text(max_size=4), st.sampled_from(typed.CARRIERS)),
    "boolean": st.one_of(st.none(), st.booleans()),
    "datetime": st.one_of(st.none(), st.integers(EARLIEST_US, LATEST_US)),
}


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(*(CELLS[each.type] for each in typed.ENCODING.inputs)), min_size=1, max_size=7))
def test_any_typed_rows_arrive_as_they_were_sent_and_are_answered(rows: list[tuple[Any, ...]]) -> None:
    predictions = Predictions(None)  # type: ignore[arg-type] # nothing is set up
    sent = [typed.in_json(row) for row in rows]
    expected = np.array([typed.ENCODING.row(row) for row in rows])
    asked = _asked({"instances": sent})
    assert np.array_equal(np.array(PREDICTOR.decode(asked).rows), expected, equal_nan=True)
    answer = _worked(predictions, asked)
    if answer.error is None:
        pairs = [PREDICTOR.assigner.assign_row(row) for row in expected.tolist()]
        assert [(row["cluster"], row["distance"]) for row in _predictions(answer)] == pairs
    else:
        assert "no finite number" in str(answer.error)


@settings(deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_at_all_are_answered_or_refused(body: bytes, apart: bool) -> None:
    predictions = Predictions(None)  # type: ignore[arg-type] # nothing is set up
    for asked in (_asked(body, apart=apart), _asked(body, tensors=Tensors(None, CHAIN))):
        answer = predictions.answer_soon(asked)
        assert answer is not None and answer.error is not None
        assert us_text(0) not in str(answer.error)
