"""The Open Inference Protocol, with a client that others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.integration.serving.conftest import Served


@pytest.fixture
def client(served: Served) -> Iterator[Any]:
    """The client, which has no context manager of its own."""
    made = triton.InferenceServerClient(url=served.server.url.removeprefix("http://"))
    yield made
    made.close()


def _whole_rows(served: Served) -> Any:
    return np.flatnonzero(~np.isnan(served.one.rows).any(axis=1))[:200]


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_get_the_clusters_of_the_rows(served: Served, client: Any, binary: bool) -> None:
    chosen = _whole_rows(served)
    rows = triton.InferInput("rows", [len(chosen), 3], "FP64")
    rows.set_data_from_numpy(np.ascontiguousarray(served.one.rows[chosen]), binary_data=binary)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("distance", "cluster", "label")]
    answer = client.infer(served.model, [rows], model_version="1", outputs=outputs, request_id="r1")
    assert answer.as_numpy("cluster").tolist() == [served.one.clusters[i] for i in chosen]
    assert answer.as_numpy("distance").tolist() == [served.one.distances[i] for i in chosen]
    labels = answer.as_numpy("label").tolist()
    assert [x.decode() if isinstance(x, bytes) else x for x in labels] == [
        f"C{served.one.clusters[i] + 1}" for i in chosen
    ]
    assert answer.get_response()["id"] == "r1"
    assert client.infer(served.model, [rows]).get_response()["model_version"] == "1"


def test_a_large_tensor_gets_the_same(served: Served, client: Any) -> None:
    chosen = np.resize(_whole_rows(served), 20000)
    rows = triton.InferInput("rows", [20000, 3], "FP64")
    rows.set_data_from_numpy(np.ascontiguousarray(served.one.rows[chosen]))
    answer = client.infer(served.model, [rows], model_version="1")
    assert answer.as_numpy("distance").tolist() == [served.one.distances[i] for i in chosen]


def test_large_tensors_as_json_get_the_same_and_are_refused_the_same(served: Served, client: Any) -> None:
    chosen = np.resize(_whole_rows(served), 40000)
    data = np.ascontiguousarray(served.one.rows[chosen])
    rows = triton.InferInput("rows", [40000, 3], "FP64")
    rows.set_data_from_numpy(data, binary_data=False)
    outputs = [triton.InferRequestedOutput("distance", binary_data=False)]
    answer = client.infer(served.model, [rows], model_version="1", outputs=outputs)
    assert answer.as_numpy("distance").tolist() == [served.one.distances[i] for i in chosen]
    refused = {"name": "rows", "shape": [40000, 3], "datatype": "FP64", "data": [*data[:-1].tolist(), [1, 2]]}
    path = f"/v2/models/{served.model}/versions/1/infer"
    told = served.server.http.post(path, json={"inputs": [refused]})
    assert told.status_code == 422 and "row 39999 of data has 2 numbers" in told.json()["error"], told.text


def test_null_is_a_missing_value(served: Served) -> None:
    cells = [[None if np.isnan(x) else x for x in row] for row in served.one.rows[:300].tolist()]
    for data in (cells, [x for row in cells for x in row]):
        body = {"inputs": [{"name": "rows", "shape": [300, 3], "datatype": "FP64", "data": data}]}
        answer = served.server.http.post(f"/v2/models/{served.model}/versions/1/infer", json=body).json()
        found = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
        assert found["distance"] == list(served.one.distances[:300])


def test_metadata_readiness_and_index(served: Served, client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(served.model, "2") and client.is_model_ready(served.model)
    assert not client.is_model_ready(served.model, str(served.failed))
    assert not client.is_model_ready(served.model, "99")
    assert client.get_server_metadata()["name"] == "swathe"
    metadata = client.get_model_metadata(served.model, "2")
    assert metadata["inputs"] == [{"name": "rows", "datatype": "FP64", "shape": [-1, 3]}]
    assert metadata["versions"] == ["1", "2"]
    index = {entry["version"]: entry for entry in client.get_model_repository_index()}
    assert [index[str(n)]["state"] for n in (1, 2, served.failed, served.spoilt)] == ["READY"] * 2 + ["UNAVAILABLE"] * 2
    assert "usable rows" in index[str(served.failed)]["reason"]
    ready = served.server.http.post("/v2/repository/index", json={"ready": True}).json()
    assert [entry["version"] for entry in ready] == ["1", "2"]


def test_the_client_is_told_what_is_wrong(served: Served, client: Any) -> None:
    rows = triton.InferInput("rows", [1, 2], "FP64")
    rows.set_data_from_numpy(np.zeros((1, 2)))
    with pytest.raises(InferenceServerException, match=r"shape must be \[n, 3\]"):
        client.infer(served.model, [rows], model_version="1")
    with pytest.raises(InferenceServerException, match="known: v1"):
        client.infer(served.model, [rows], model_version="99")


GOOD = {"name": "rows", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[" * 100000, 422),
        (b'{"inputs": ' + b"[" * 100000, 422),
        (b'{"inputs": [{"data": ' + b"[" * 100000, 400),
        (json.dumps({"inputs": []}).encode(), 422),
        (json.dumps({"inputs": [GOOD, GOOD]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "name": "x"}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "datatype": "FP32"}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [3]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [10**30, 3]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [-1, 3]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [0, 3], "data": []}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [1, 2]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [[1, 2], 3]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [[1, 2], [3]]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [[1], [2], [3]]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [[[1, 2, 3]]]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [2, 3], "data": [[1, 2, 3, 4], [5, 6]]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [2, 3], "data": [[1, 2, 3, 4, 5, 6]]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "shape": [2, 3], "data": [[1, 2, 3], [4, 5, 6]]}]}).encode(), 200),
        (json.dumps({"inputs": [{**GOOD, "data": [True, 2, 3]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": {"0": 1}}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": None}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [1, 2, "x"]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [1, 2, float("nan")]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "data": [1, 2, 1e400]}]}).encode(), 422),
        (json.dumps({"inputs": [{**GOOD, "parameters": {"binary_data_size": 24}}]}).encode(), 422),
        (json.dumps({"inputs": [GOOD], "outputs": [{"name": "x"}]}).encode(), 422),
        (json.dumps({"inputs": [GOOD], "outputs": [{"name": "cluster"}]}).encode(), 200),
    ],
)
def test_whatever_is_sent_gets_an_answer_in_one_shape(served: Served, body: bytes, code: int) -> None:
    answer = served.server.http.post(f"/v2/models/{served.model}/versions/1/infer", content=body)
    assert answer.status_code == code, answer.text
    if code != 200:
        assert {"error", "code", "request_id"} <= set(answer.json())


@pytest.mark.parametrize("length", ["0", "-1", "x", "9999999", "٣"])
def test_a_header_length_that_cannot_be(served: Served, length: str) -> None:
    body = json.dumps({"inputs": [GOOD]})
    answer = served.server.http.post(
        f"/v2/models/{served.model}/versions/1/infer",
        content=body,
        headers=[(b"inference-header-content-length", length.encode())],
    )
    assert answer.status_code == 422, answer.text


def test_nan_in_a_binary_tensor_is_refused(served: Served, client: Any) -> None:
    rows = triton.InferInput("rows", [1, 3], "FP64")
    rows.set_data_from_numpy(np.array([[1, 2, np.nan]]))
    with pytest.raises(InferenceServerException, match="finite"):
        client.infer(served.model, [rows], model_version="1")


def test_nothing_unexpected_was_logged(served: Served) -> None:
    assert "unexpected error" not in served.server.said()
