"""A share of the champion's requests goes to the challenger, or is mirrored to it, drawn by the request's id."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from pathlib import Path

import numpy as np
import pytest

from scoring.kmeans import Assigner
from tests.integration.serving.conftest import NewServer
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.integration.serving.registered import Made, Maker, predict_body, record

IDS = [f"request-{i}" for i in range(200)]
SHARE = 0.3


@pytest.fixture(scope="module")
def pair(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Made]:
    """A champion and a challenger."""
    model, directory = maker.model(f"canary-{uuid.uuid4().hex[:8]}"), tmp_path_factory.mktemp("canary")
    champion, challenger = (maker.version(model, directory, seed=seed, n=400) for seed in (1, 2))
    maker.alias(model, "champion", champion.number)
    maker.alias(model, "challenger", challenger.number)
    return champion, challenger


def _drawn(request_id: str) -> bool:
    """What the docs say of how requests are drawn, in other words."""
    return int(hashlib.sha256(request_id.encode()).hexdigest()[:16], 16) < SHARE * 2**64


def _asked(server: PredictionServer, path: str, body: bytes) -> list[int]:
    headers = {"content-type": "application/json"}
    return [
        server.http.post(path, content=body, headers={**headers, "x-request-id": request_id})
        .raise_for_status()
        .json()["version"]
        for request_id in IDS
    ]


def _counted(server: PredictionServer, name: str) -> float:
    found = re.search(rf"^{name}_total{{.*}} (\S+)$", server.http.get("/metrics").text, flags=re.MULTILINE)
    return float(found[1]) if found else 0.0


def _differing(pair: tuple[Made, Made], rows: int) -> int:
    labels = [[made.scoring.labels[c] for c in Assigner(made.scoring).assign(pair[0].rows[:rows])[0]] for made in pair]
    return int(np.count_nonzero(np.array(labels[0]) != np.array(labels[1])))


@pytest.mark.parametrize("mode", ["send", "mirror"])
def test_a_share_is_drawn_by_the_request_id(new_server: NewServer, pair: tuple[Made, Made], mode: str) -> None:
    champion, challenger = pair
    settings = {"SWATHE_SERVING_CANARY_SHARE": str(SHARE), "SWATHE_SERVING_CANARY_MODE": mode}
    server = new_server(SWATHE_SERVING_MODELS=champion.model, **settings).start()
    path, body = f"/api/{champion.model}/champion/predict", predict_body(champion, range(20))
    drawn = [_drawn(request_id) for request_id in IDS]
    assert 30 < sum(drawn) < 90
    expected = [challenger.number if each and mode == "send" else champion.number for each in drawn]
    assert _asked(server, path, body) == expected
    assert _asked(server, path, body) == expected
    assert _asked(server, f"{champion.path}/predict", body) == [champion.number] * len(IDS)

    rows, differing = 2 * sum(drawn) * 20, 2 * sum(drawn) * _differing(pair, 20)
    assert differing > 0
    eventually("all are compared", lambda: _counted(server, "swathe_canary_rows") == rows)
    assert _counted(server, "swathe_canary_disagreements") == differing
    # What counts as predicted is what was answered.
    assert _counted(server, "swathe_rows") > 0 and "unexpected" not in server.said()

    # A large body goes to a worker, and so does its shadow.
    large = json.dumps({"dataframe_records": [record(champion, i % 400) for i in range(8000)]}).encode()
    chosen = IDS[drawn.index(True)]
    answer = server.http.post(path, content=large, headers={"content-type": "application/json", "x-request-id": chosen})
    assert answer.json()["version"] == (challenger.number if mode == "send" else champion.number)
    eventually("the large one is compared", lambda: _counted(server, "swathe_canary_rows") == rows + 8000)

    tensor = {"name": "rows", "shape": [1, 3], "datatype": "FP64", "data": [1.0, 2.0, 3.0]}
    infer = server.http.post(
        f"/v2/models/{champion.model}/infer", json={"inputs": [tensor]}, headers={"x-request-id": chosen}
    )
    assert infer.json()["model_version"] == str(challenger.number if mode == "send" else champion.number)
    assert _counted(server, "swathe_canary_rows") == rows + 8001
    assert server.stop() == 0


def test_without_a_share_or_a_challenger_the_champion_answers(
    new_server: NewServer, pair: tuple[Made, Made], maker: Maker, model: str, tmp_path: Path
) -> None:
    alone = maker.version(model, tmp_path, seed=3, n=50)
    maker.alias(model, "champion", alone.number)
    server = new_server(SWATHE_SERVING_MODELS=f"{pair[0].model},{model}", SWATHE_SERVING_CANARY_SHARE="1.0").start()
    body = predict_body(alone, range(1))
    assert server.predict(f"/api/{model}/champion", body).json()["version"] == alone.number
    assert server.predict(f"/api/{pair[0].model}/champion", body).json()["version"] == pair[1].number
    assert server.stop() == 0
