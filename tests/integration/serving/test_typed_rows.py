"""Versions whose rows are typed, asked over HTTP by their own documents."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
import tritonclient.http as triton

from contract.moment import us_text
from scoring.forms import Category
from scoring.kmeans import Assigner
from serving.kinds.litserve_api import LARGE_BYTES
from tests.integration.serving import typed
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.integration.serving.registered import Made, Maker

NAMES = [each.name for each in typed.ENCODING.inputs]
TYPES = {"double": "FP64", "long": "INT64", "string": "BYTES", "boolean": "BOOL", "datetime": "BYTES"}


@dataclass(frozen=True)
class Line:
    """A server with a typed champion, a typed challenger to which everything is mirrored, and a version of numbers."""

    server: PredictionServer
    one: Made
    two: Made
    numbers: Made


@pytest.fixture(scope="module")
def line(services: dict[str, str], maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """What is asked."""
    directory = tmp_path_factory.mktemp("typed")
    model = maker.model(f"typed-{uuid.uuid4().hex[:8]}")
    numbers = maker.version(model, directory, seed=3, n=100)
    one, two = (maker.version(model, directory, seed=seed, n=1500, is_typed=True) for seed in (1, 2))
    maker.alias(model, "champion", one.number)
    maker.alias(model, "challenger", two.number)
    mirror = {"SWATHE_SERVING_CANARY_SHARE": "1", "SWATHE_SERVING_CANARY_MODE": "mirror"}
    server = PredictionServer(services, directory, SWATHE_SERVING_MODELS=model, **mirror).start()
    try:
        yield Line(server, one, two, numbers)
        assert server.stop() == 0
        assert "unexpected error" not in server.said()
    finally:
        server.close()


def _rows(made: Made, n: int) -> list[list[Any]]:
    return [typed.in_json(row) for row in list(zip(*made.columns, strict=True))[:n]]


def _distances(answer: Any) -> list[float]:
    assert answer.status_code == 200, answer.text
    return [row["distance"] for row in answer.json()["predictions"]]


def test_rows_get_the_answers_of_training_small_and_large(line: Line) -> None:
    path, rows = f"{line.one.path}/predict", _rows(line.one, 1500)
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    large = json.dumps({"dataframe_records": records * 2}).encode()
    assert len(large) > LARGE_BYTES
    small = json.dumps({"inputs": rows[:100]}).encode()
    for body, n in ((small, 100), (large, 1500)):
        answer = line.server.http.post(path, content=body, headers={"content-type": "application/json"})
        assert _distances(answer)[:n] == list(line.one.distances[:n])
    apart = line.server.http.post(f"{path}?on_error=null", json={"instances": [*rows[:2], [1], *rows[3:5]]}).json()
    assert [row and row["distance"] for row in apart["predictions"]] == [
        None if i == 2 else line.one.distances[i] for i in range(5)
    ]
    refused = line.server.http.post(path, json={"dataframe_records": [{**records[0], "at": "1357016400"}]})
    assert refused.status_code == 422
    told = refused.json()["errors"]
    assert [fault["loc"] for fault in told] == [["dataframe_records", 0, "at"]]
    assert told[0]["msg"].startswith("must be an ISO 8601 time such as 2013-01-01T05:00:00Z")


def _infer_inputs(line: Line, chosen: list[int], *, binary: bool) -> list[Any]:
    inputs = []
    for name, kind, column in zip(NAMES, typed.ENCODING.inputs, line.one.columns, strict=True):
        cells = [us_text(column[i]) if kind.type == "datetime" else column[i] for i in chosen]
        made = triton.InferInput(name, [len(chosen)], TYPES[kind.type])
        array = {"double": np.float64, "long": np.int64, "boolean": np.bool_}.get(kind.type, np.object_)
        made.set_data_from_numpy(np.array(cells, dtype=array), binary_data=binary)
        inputs.append(made)
    return inputs


def test_a_client_that_others_wrote_sends_a_tensor_an_input(line: Line) -> None:
    whole = [i for i in range(1500) if all(column[i] is not None for column in line.one.columns)][:200]
    client = triton.InferenceServerClient(url=line.server.url.removeprefix("http://"))
    try:
        metadata = client.get_model_metadata(line.one.model, str(line.one.number))
        assert metadata["inputs"] == [
            {"name": each.name, "datatype": TYPES[each.type], "shape": [-1]} for each in typed.ENCODING.inputs
        ]
        plain = client.get_model_metadata(line.one.model, str(line.numbers.number))["inputs"]
        assert plain == [{"name": "rows", "datatype": "FP64", "shape": [-1, 3]}]
        for binary in (True, False):
            inputs = _infer_inputs(line, whole, binary=binary)
            answer = client.infer(line.one.model, inputs, model_version=str(line.one.number))
            assert answer.as_numpy("distance").tolist() == [line.one.distances[i] for i in whole]
        with pytest.raises(triton.InferenceServerException, match="inputs, carrier: is absent"):
            client.infer(line.one.model, [each for each in inputs if each.name() != "carrier"])
    finally:
        client.close()


def _mirrored(line: Line, name: str) -> float:
    counted = re.findall(rf"^{name}_total{{.*}} (\S+)$", line.server.http.get("/metrics").text, flags=re.MULTILINE)
    return sum(map(float, counted))


def test_the_challenger_is_compared_by_its_own_encoding(line: Line) -> None:
    encoded = line.two.scoring.encoding.rows([column[:300] for column in line.one.columns])
    other = Assigner(line.two.scoring).assign(encoded)[0].tolist()
    expected = sum(a != b for a, b in zip(other, line.one.clusters[:300], strict=True))
    rows, differing = (_mirrored(line, f"swathe_canary_{name}") for name in ("rows", "disagreements"))
    path = f"/api/{line.one.model}/champion/predict"
    assert len(_distances(line.server.http.post(path, json={"instances": _rows(line.one, 300)}))) == 300
    eventually("it is compared", lambda: _mirrored(line, "swathe_canary_rows") == rows + 300)
    assert _mirrored(line, "swathe_canary_disagreements") == differing + expected > differing


def test_answers_are_what_the_documents_say(line: Line) -> None:
    document = line.server.get("/openapi.json")
    base = line.one.path

    def says(path: str, answer: Any) -> None:
        operation = next(iter(document["paths"][path].values()))
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validator_for({**schema, "components": document["components"]}).validate(answer)

    asked = document["paths"][f"{base}/predict"]["post"]["requestBody"]["content"]["application/json"]
    takes = jsonschema_rs.validator_for(asked["schema"])
    takes.validate(asked["example"])
    for row in _rows(line.one, 50):
        takes.validate({"dataframe_records": [dict(zip(NAMES, row, strict=True))]})
        takes.validate({"inputs": [row]})
        takes.validate({"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1]]}})
    assert not takes.is_valid({"inputs": [["x", *_rows(line.one, 1)[0][1:]]]})
    says(f"{base}/predict", line.server.http.post(f"{base}/predict", json=asked["example"]).raise_for_status().json())

    infer = f"/v2/models/{line.one.model}/versions/{line.one.number}/infer"
    example = document["paths"][infer]["post"]["requestBody"]["content"]["application/json"]["example"]
    request = {**document["components"]["schemas"]["InferenceRequest"], "components": document["components"]}
    jsonschema_rs.validator_for(request).validate(example)
    line.server.http.post(infer, json=example).raise_for_status()

    statistics = line.server.get(f"{base}/cluster-stats")
    says(f"{base}/cluster-stats", statistics)
    for cluster in statistics["clusters"]:
        carrier, hour = cluster["features"]["carrier"], cluster["features"]["at.hour"]
        missing = carrier["missing"] / max(1, cluster["size"])
        assert sum(carrier["values"].values()) + carrier["other"] + missing == pytest.approx(1)
        assert set(carrier["values"]) == set(typed.CARRIERS) and len(hour["shares"]) == 24

    page = line.server.get(f"{base}/clustering-results", limit=1000)
    says(f"{base}/clustering-results", page)
    expected = {
        row_id: dict(zip(NAMES, row, strict=True))
        for row_id, row in zip(line.one.row_ids, _rows(line.one, 1500), strict=True)
    }
    assert all(row["features"] == expected[row["row_id"]] for row in page["results"])
    lines = line.server.http.get(f"{base}/clustering-results", headers={"accept": "application/x-ndjson"}).text
    told = [json.loads(each) for each in lines.splitlines()]
    assert {row["row_id"]: row["features"] for row in told} == expected
    one = line.server.get(f"{base}/clustering-results/{line.one.row_ids[0]}")
    assert one["results"][0]["features"] == expected[line.one.row_ids[0]]
    assert any(row["features"]["stops"] == 2**62 + 1 for row in told)


def test_the_page_has_a_field_of_each_form(line: Line) -> None:
    text = line.server.http.get("/ui", headers={"accept": "text/html"}).text
    choice = text[text.index('<select name="carrier"') :]
    choices = [
        json.loads(html.unescape(value)) for value in re.findall(r'value="(.*?)"', choice[: choice.index("</select>")])
    ]
    carriers = next(each for each in typed.ENCODING.features if isinstance(each, Category))
    assert choices == [*carriers.values, "other*", None]
    assert "of a category it is one of the others, or has a column of its own" in text
    assert 'type="datetime-local"' in text and '<select name="late"' in text and '<select name="stops"' in text
    assert "</script>" in typed.CARRIERS[2] and "'</script>" not in text
    assert re.search(r'title="(AA|B6|other|héllo[^"]*) \d+%, ', text) and re.search(r">\d\d:\d\d</td>", text)
