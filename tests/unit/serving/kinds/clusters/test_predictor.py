"""What is answered at once, what is left to a worker, and that both say the same."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import InvalidRequestError, RequestTooLargeError
from scoring.kmeans import Assigner, Floats
from scoring.likely import Likely
from serving.kinds.clusters.predictor import ClusterPredictor, seconds
from serving.kinds.clusters.tensors import OUTPUTS
from serving.kinds.litserve_api import LARGE_BYTES, Predictions
from serving.kinds.prediction import Answer, PredictRequest, Tensors
from serving.rows_in.cells import numbers
from serving.rows_in.tensors import Inference, decode
from tests.unit.serving.served_numbers import scoring

ASSIGNER = Assigner(scoring())
CHAIN = {"model": "m", "version": 1, "run_id": "r", "batch": 1}


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """The model's contract with LitServe."""
    return Predictions(tmp_path_factory.mktemp("locks"))


def _asked(body: object, assigner: Assigner = ASSIGNER, **more: Any) -> PredictRequest:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PredictRequest(encoded, ClusterPredictor(assigner), json.dumps(CHAIN).encode()[1:], **more)


def _worked(predictions: Predictions, asked: PredictRequest) -> Answer:
    """Return what a worker answers."""
    return predictions.encode_response(predictions.predict(predictions.decode_request(asked)))


def _tensor(data: object, shape: list[int], **more: object) -> dict[str, Any]:
    return {"inputs": [{"name": "rows", "datatype": "FP64", "shape": shape, "data": data, **more}]}


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2]] * 9},
        {"instances": [[1, 2], [3, "x"]]},
        {"instances": []},
        b"{",
        {"instances": [[1, 2]] * 5 + [["x", 1]] * 30},
    ],
)
@pytest.mark.parametrize("apart", [True, False])
def test_small_requests_are_answered_at_once_as_a_worker_would(
    predictions: Predictions, body: object, apart: bool
) -> None:
    asked = _asked(body, apart=apart)
    at_once, worked = predictions.answer_soon(asked), _worked(predictions, asked)
    assert at_once is not None and at_once.body == worked.body and at_once.counts == worked.counts
    assert str(at_once.error) == str(worked.error)


@pytest.mark.parametrize(
    "asked",
    [
        _asked(b'{"instances":[' + b"[1,2]," * 45_000 + b"[1,2]]}"),
        _asked(b'{"instances":[' + b"[1,2]," * 20_000 + b"[1,2]]}"),
        _asked(b'{"instances":[' + b"[1,2]," * 5_000 + b'[1,"x"]]}'),
        _asked(b'{"instances":[' + b"1," * 100_000 + b"1]}", apart=True),
        _asked(_tensor([1] * 120_000, [60_000, 2]), tensors=Tensors(None, CHAIN)),
        _asked({"instances": [[1] * 300] * 5}, Assigner(scoring(width=300, clusters=40))),
        _asked({"instances": [[1] * 1000]}, Assigner(scoring(width=1000, clusters=300))),
        _asked(b'{"instances":[' + b"[1,2]," * 10_000 + b"[1,2]]}", apart=True),
        _asked({"instances": [1] * 3000}, Assigner(scoring(width=300)), apart=True),
        _asked(b'{"instances":[' + b"1," * 8000 + b"1]}", apart=True),
    ],
    ids=[
        "large",
        "many rows",
        "faulty",
        "faulty apart",
        "tensor",
        "many clusters and features",
        "one wide row",
        "apart",
        "wide and wrong",
        "short and wrong",
    ],
)
def test_what_takes_long_is_left_to_a_worker_soon(predictions: Predictions, asked: PredictRequest) -> None:
    taken = []
    for _ in range(3):
        began = time.thread_time()
        assert predictions.answer_soon(asked) is None
        taken.append(time.thread_time() - began)
    assert min(taken) < 0.1
    assert _worked(predictions, asked).body or _worked(predictions, asked).error


ONE = Assigner(scoring(width=1))


def _repeated(begin: bytes, one: bytes, end: bytes, size: int = 120_000) -> bytes:
    return begin + b",".join([one] * (size // (len(one) + 1))) + end


@pytest.mark.parametrize(
    ("body", "apart"),
    [
        (_repeated(b'{"instances":[', b"[1]", b"]}"), False),
        (_repeated(b'{"instances":[', b"[1]", b"]}"), True),
        (_repeated(b'{"instances":[', b"1", b"]}"), True),
        (_repeated(b'{"instances":[', b"[1]", b",1]}"), False),
        (_repeated(b'{"dataframe_records":[', b'{"f0":1}', b",1]}"), True),
        (_repeated(b'{"inputs":{"f0":[', b"1", b"]}}"), False),
        (_repeated(b'{"inputs":{"f0":[', b"1", b"]}}"), True),
        (_repeated(b'{"inputs":{"f0":[', b"1", b',"x"]}}'), True),
        (_repeated(b'{"inputs":{"f0":[', b'""', b"]}}"), True),
    ],
)
def test_the_memory_of_a_request_is_that_of_its_numbers(predictions: Predictions, body: bytes, apart: bool) -> None:
    numbers = sum(map(body.count, (b",", b"[", b"{")))
    asked = _asked(body, ONE, apart=apart)
    _worked(predictions, asked)
    tracemalloc.start()
    try:
        _worked(predictions, asked)
        assert tracemalloc.get_traced_memory()[1] < 200 * numbers
    finally:
        tracemalloc.stop()


def test_more_numbers_than_are_read_are_refused_before_they_are(
    predictions: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.rows_in.size.MOST_NUMBERS", 30_000)
    wide = Assigner(scoring(width=300))
    for asked in (
        _asked(_repeated(b'{"instances":[', b"[1]", b"]}"), ONE),
        _asked(_repeated(b'{"inputs":{"f0":[', b"1", b"]}}"), ONE, apart=True),
        _asked(_tensor([1] * 60_000, [60_000, 1]), ONE, tensors=Tensors(None, CHAIN)),
        # Rows that have no numbers take their room all the same.
        _asked({"instances": [1] * 200}, wide, apart=True),
    ):
        error = _worked(predictions, asked).error
        assert isinstance(error, RequestTooLargeError) and "30000 numbers" in str(error)
    assert _worked(predictions, _asked({"instances": [1] * 90}, wide, apart=True)).error is None


def test_the_bound_is_below_what_is_large() -> None:
    typical = Assigner(scoring(width=5, clusters=5))
    assert seconds(LARGE_BYTES // 100, typical) < 0.01 < seconds(60_000, typical)


def test_rows_that_are_answered_apart_list_twenty_faults(predictions: Predictions) -> None:
    rows: list[Any] = [["x", 1], [1e200, 2], [1, 2]] * 2000
    answer = _worked(predictions, _asked({"instances": rows}, apart=True))
    told = json.loads(answer.body)
    # Those that cannot be read and those that are too far, in the order of the rows.
    assert [error["index"] for error in told["errors"]] == [i for i in range(30) if i % 3 < 2]
    assert [row is None for row in told["predictions"]] == [i % 3 < 2 for i in range(6000)]
    assert sum(answer.counts) == 2000


cells = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from(["x", True, 1e200, []]))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.one_of(st.lists(cells, max_size=3), cells, st.dictionaries(st.sampled_from("abf"), cells)), min_size=1)
)
def test_apart_and_refusing_agree_on_what_is_wrong(rows: list[Any]) -> None:
    predictions = Predictions(Path())
    apart = _worked(predictions, _asked({"instances": rows}, apart=True))
    strict = _worked(predictions, _asked({"instances": rows}))
    assert apart.error is None
    told = json.loads(apart.body)
    if strict.error is None:
        assert told["errors"] == [] and told["predictions"] == json.loads(strict.body)["predictions"]
    else:
        assert told["errors"] and None in told["predictions"]


@pytest.mark.parametrize("tensors", [None, Tensors(None, CHAIN)])
def test_a_shadow_is_compared_by_its_labels(predictions: Predictions, tensors: Tensors | None) -> None:
    rows = [[0, 0], [6, 6], [9, 9], [0, 1], [4, 4], [10, 10]]
    body = {"instances": rows} if tensors is None else _tensor(rows, [6, 2])
    same, shifted, renamed = (
        _worked(predictions, _asked(body, tensors=tensors, shadow=ClusterPredictor(Assigner(other)))).differing
        for other in (scoring(), scoring(step=14.0), scoring(labels="D"))
    )
    assert (same, shifted, renamed) == (0, 1, 6)


def test_rows_with_a_fault_are_not_compared(predictions: Predictions) -> None:
    shadow = ClusterPredictor(Assigner(scoring(labels="D")))
    asked = _asked({"instances": [["x", 0], [0, 0]]}, apart=True, shadow=shadow)
    assert _worked(predictions, asked).differing == 1


doubles = st.floats(allow_nan=False, allow_infinity=False, width=32)


def _rows(found: Inference) -> Floats:
    assert found.rows is not None
    return found.rows


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(st.one_of(st.none(), doubles), max_size=4), max_size=4), st.integers(1, 4), st.integers(1, 4))
def test_a_tensor_is_its_shape_or_is_refused(rows: list[list[float | None]], n: int, d: int) -> None:
    inputs = numbers(f"f{j}" for j in range(d))
    as_it_is = len(rows) == n and all(len(row) == d for row in rows)
    flat = [x for row in rows for x in row]
    for data, fits in ((rows, as_it_is), (flat, len(flat) == n * d and bool(flat))):
        body = json.dumps(_tensor(data, [n, d])).encode()
        if fits:
            found = _rows(decode(body, None, inputs, tuple(OUTPUTS)))
            wanted = np.array([math.nan if x is None else x for x in flat]).reshape(n, d)
            assert np.array_equal(found, wanted, equal_nan=True)
        else:
            with pytest.raises(InvalidRequestError, match=r"for shape|must"):
                decode(body, None, inputs, tuple(OUTPUTS))


@given(st.integers(0, 40), st.integers(-1, 40), st.integers(1, 2))
def test_a_binary_tensor_has_the_bytes_of_its_shape(there: int, told: int, n: int) -> None:
    header = json.dumps({"inputs": [{"name": "rows", "datatype": "FP64", "shape": [n, 2],
                                     "parameters": {"binary_data_size": told}}]}).encode()  # fmt: skip
    body = header + bytes(there)
    if there == told == n * 16:
        assert _rows(decode(body, len(header), numbers("ab"), tuple(OUTPUTS))).shape == (n, 2)
    else:
        with pytest.raises(InvalidRequestError, match=f"{n * 16} bytes"):
            decode(body, len(header), numbers("ab"), tuple(OUTPUTS))


class HalvingAssigner(Assigner):
    """An assigner with a probability for each cluster."""

    least_tolerance = 0.0

    def tolerance(self, rows: Floats) -> Floats:
        """Return that nothing may differ."""
        return np.zeros(len(rows))

    def assign_likely(self, rows: Floats) -> Likely:
        """Return half of what is left for each next one, the first of the row's own cluster."""
        clusters, distances = self.assign(rows)
        found = np.tile(0.5 ** np.arange(1, len(self.scoring.labels) + 1), (len(rows), 1))
        likely = np.array([np.roll(row, cluster) for row, cluster in zip(found, clusters, strict=True)])
        return Likely(clusters, distances, likely)


LIKELY = HalvingAssigner(scoring(clusters=3))


@pytest.mark.parametrize("n", [1, 3, 2000, 40_000])
@pytest.mark.parametrize("apart", [True, False])
def test_probabilities_stand_beside_each_prediction(predictions: Predictions, n: int, apart: bool) -> None:
    body = json.dumps({"instances": [[10 * (i % 3), 10 * (i % 3)] for i in range(n)]}).encode()
    plain = PredictRequest(body, ClusterPredictor(LIKELY), b'"x":1}', apart)
    told = json.loads(_worked(predictions, plain._replace(predictor=ClusterPredictor(LIKELY, LIKELY))).body)
    expected = {0: [0.5, 0.25, 0.125], 1: [0.125, 0.5, 0.25], 2: [0.25, 0.125, 0.5]}
    assert all(row.pop("probabilities") == expected[row["cluster"]] for row in told["predictions"])
    assert told == json.loads(_worked(predictions, plain).body)


@pytest.mark.parametrize("binary", [True, False])
def test_probabilities_are_a_tensor_of_their_own(predictions: Predictions, binary: bool) -> None:
    body = {**_tensor([0, 0, 10, 10], [2, 2]), "parameters": {"binary_data_output": binary}}
    asked = PredictRequest(
        json.dumps(body).encode(), ClusterPredictor(LIKELY, LIKELY), b"}", tensors=Tensors(None, CHAIN)
    )
    answer = _worked(predictions, asked)
    told = json.loads(answer.body[: answer.json_bytes])["outputs"][-1]
    assert (told["name"], told["datatype"], told["shape"]) == ("probabilities", "FP64", [2, 3])
    numbers = np.frombuffer(answer.body[-48:], "<f8").tolist() if binary else told["data"]
    assert numbers == [0.5, 0.25, 0.125, 0.125, 0.5, 0.25]
