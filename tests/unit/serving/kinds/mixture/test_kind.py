"""A mixture is served by its files alone: probabilities that are Spark's within a tolerance, and nothing hostile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ModelArtifactError, RequestTooLargeError
from contract.kinds.mixture import MOST_COMPONENTS, MOST_WIDTH
from contract.model_version import GOLDEN_FILE, GOLDEN_PROBABILITIES_FILE, SCORING_FILE
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.clusters.predictor import seconds
from serving.kinds.litserve_api import Predictions
from serving.kinds.mixture.kind import KIND
from serving.kinds.prediction import Answer, PredictRequest, Tensors
from tests.mixtures import artifact, mixture, rows_of

FILES = artifact()
SERVED = KIND.load(FILES)
LARGE = KIND.load(artifact(mixture(MOST_COMPONENTS)))


def changed(name: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    fields = json.loads(FILES[name])
    change(fields)
    return {**FILES, name: json.dumps(fields).encode()}


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """The model's contract with LitServe."""
    return Predictions(tmp_path_factory.mktemp("locks"))


def asked(served: Clustering, n: int, **more: Any) -> PredictRequest:
    body = json.dumps({"instances": [[0.0] * len(served.inputs)] * n}).encode()
    return PredictRequest(body, served.predictor, b'"model":"m"}', **more)


def worked(predictions: Predictions, request: PredictRequest) -> Answer:
    """Return what a worker answers."""
    return predictions.encode_response(predictions.predict(predictions.decode_request(request)))


def predicted(served: Clustering, rows: list[list[float | None]]) -> list[dict[str, Any]]:
    request = PredictRequest(json.dumps({"instances": rows}).encode(), served.predictor, b'"model":"m"}')
    predictor = served.predictor
    answer = predictor.encode(request, predictor.predict(request, predictor.decode(request)))
    found: list[dict[str, Any]] = json.loads(answer.body)["predictions"]
    return found


def test_it_answers_with_the_probability_of_each_cluster() -> None:
    assert [file.name for file in KIND.files if not file.is_optional] == list(FILES)
    assert SERVED.described == {"clusters": 3} and [each["name"] for each in SERVED.outputs][-1] == "probabilities"
    rows = rows_of(mixture())
    given_rows = [[None if np.isnan(x) else x for x in row] for row in rows.tolist()]
    many = predicted(SERVED, given_rows)
    expected = mixture().assigner().assign_likely(rows)
    for i, row in enumerate(many):
        (alone,) = predicted(SERVED, given_rows[i : i + 1])
        for found in (row, alone):
            assert found["probabilities"] == pytest.approx(expected.probabilities[i].tolist(), rel=1e-9, abs=0)
            assert found["cluster"] == int(np.argmax(found["probabilities"])) == expected.clusters[i]
            assert (found["label"], found["distance"]) == (f"C{found['cluster'] + 1}", expected.distances[i])
    # Far from all components: the same of each, and the first cluster.
    assert many[-1]["probabilities"] == [1 / 3] * 3 and many[-1]["cluster"] == 0


def test_probabilities_within_the_tolerance_are_sparks() -> None:
    def by(share: float) -> dict[str, bytes]:
        def shift(fields: Any) -> None:
            fields["probabilities"] = [[p * (1 + share) for p in row] for row in fields["probabilities"]]

        return changed(GOLDEN_PROBABILITIES_FILE, shift)

    assert KIND.load(by(1e-11)).inputs == SERVED.inputs
    with pytest.raises(ModelArtifactError, match="62 of 62 golden rows get another answer"):
        KIND.load(by(1e-8))


HOSTILE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "more": (SCORING_FILE, lambda fields: fields.update(more=1)),
    "format": (SCORING_FILE, lambda fields: fields.update(format=3)),
    "no weights": (SCORING_FILE, lambda fields: fields.update(weights=[])),
    "below zero": (SCORING_FILE, lambda fields: fields.update(weights=[-0.5, 1.0, 0.5])),
    "a component less": (SCORING_FILE, lambda fields: fields["means"].pop()),
    "ragged": (SCORING_FILE, lambda fields: fields["covariances"][0][0].pop()),
    "wide": (SCORING_FILE, lambda fields: fields["means"].__setitem__(0, [0.0] * (MOST_WIDTH + 1))),
    "many": (SCORING_FILE, lambda fields: fields.update(weights=[0.0] * (MOST_COMPONENTS + 1))),
    "a vector of text": (SCORING_FILE, lambda fields: fields.update(eigenvalues=["x", "y", "z"])),
    "labels": (SCORING_FILE, lambda fields: fields.update(labels=["C1", "C1", "C2"])),
    "no golden probability": (GOLDEN_PROBABILITIES_FILE, lambda fields: fields.update(probabilities=[])),
    "of two": (GOLDEN_PROBABILITIES_FILE, lambda fields: [row.pop() for row in fields["probabilities"]]),
    "a row less": (GOLDEN_PROBABILITIES_FILE, lambda fields: fields["probabilities"].pop()),
    "golden text": (GOLDEN_PROBABILITIES_FILE, lambda fields: fields.update(probabilities="[1]")),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_is_none_is_told_by_its_name(what: str) -> None:
    name, change = HOSTILE[what]
    with pytest.raises(ModelArtifactError, match=name.replace(".", r"\.")):
        KIND.load(changed(name, change))


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(["weights", "means", "covariances", "eigenvalues", "eigenvectors", "mean", "std"]), st.data())
def test_whatever_the_numbers_are_it_loads_or_says_why(name: str, data: st.DataObject) -> None:
    def any_numbers(value: Any) -> Any:
        return [any_numbers(each) for each in value] if isinstance(value, list) else data.draw(NUMBERS)

    spoiled = changed(SCORING_FILE, lambda fields: fields.update({name: any_numbers(fields[name])}))
    try:
        assert KIND.load(spoiled).inputs == SERVED.inputs
    except ModelArtifactError as error:
        assert str(error)


@given(st.sampled_from([SCORING_FILE, GOLDEN_FILE, GOLDEN_PROBABILITIES_FILE]), st.binary(max_size=200))
def test_whatever_the_bytes_are_it_says_why(name: str, body: bytes) -> None:
    with pytest.raises(ModelArtifactError, match=name.replace(".", r"\.")):
        KIND.load({**FILES, name: body})


def test_the_largest_mixture_that_a_stream_file_may_ask_for_is_read() -> None:
    largest = mixture(MOST_COMPONENTS, MOST_WIDTH)
    assert KIND.load(artifact(largest)).assigner.scoring == largest


@pytest.mark.parametrize("apart", [True, False])
def test_an_answer_of_more_probabilities_than_are_made_is_refused(
    predictions: Predictions, apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.rows_in.size.MOST_NUMBERS", 50_000)
    most = 50_000 // (MOST_COMPONENTS + 1)
    tensor = {"inputs": [{"name": "rows", "datatype": "FP64", "shape": [most + 1, 2], "data": [0] * 2 * (most + 1)}]}
    as_tensor = PredictRequest(json.dumps(tensor).encode(), LARGE.predictor, b"}", tensors=Tensors(None, {}))
    for refused in (
        asked(LARGE, most + 1, apart=apart),
        asked(LARGE, most + 1, shadow=SERVED.predictor),
        asked(SERVED, most + 1, shadow=LARGE.predictor),
        as_tensor,
    ):
        error = worked(predictions, refused).error
        assert isinstance(error, RequestTooLargeError) and "50000 numbers (rows x clusters" in str(error)
    assert worked(predictions, asked(SERVED, most + 1, apart=apart)).error is None
    assert len(json.loads(worked(predictions, asked(LARGE, most, apart=apart)).body)["predictions"]) == most


def test_so_many_probabilities_are_left_to_a_worker(predictions: Predictions) -> None:
    """Rows that take a worker's time take the event loop's no more than three times what it may stand still."""
    for n in (50, 1_000, 4_000, 8_000):
        took = []
        for _ in range(3):
            began = time.thread_time()
            answer = predictions.answer_soon(asked(LARGE, n))
            took.append(time.thread_time() - began)
        assert (answer is None) == (n >= 4_000)
        assert answer is None or min(took) < 0.03
    assert predictions.answer_soon(asked(SERVED, 4_000)) is not None
    assert predictions.answer_soon(asked(SERVED, 4_000, shadow=LARGE.predictor)) is None
    assert seconds(8_000, LARGE.assigner, likely=True) > 0.05
