"""A version of a mixture at a real server: routes, both documents, tensors, and the row to try in a real Chromium."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page

from contract.model_version import TAG_KIND
from tests.integration.serving.conftest import NewServer
from tests.mixtures import FEATURES, artifact, mixture
from tests.tracking import Tracking


@pytest.fixture
def tracking(services: dict[str, str]) -> Iterator[Tracking]:
    tracking = Tracking(services["MLFLOW_TRACKING_URI"])
    yield tracking
    tracking.close()


@pytest.mark.long
def test_each_cluster_has_a_probability_in_every_answer(
    new_server: NewServer, tracking: Tracking, chromium_page: Page
) -> None:
    model = tracking.model(f"mixture-{uuid.uuid4().hex[:8]}")
    for seed in (1, 2):
        tracking.version(model, artifact(mixture(4, seed=seed)), {TAG_KIND: "gaussian-mixture"})
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    row = np.array([[3.5, -1.25]])
    expected = mixture(4, seed=2).assigner().assign_likely(row)
    path = f"/api/{model}/v2/predict"
    (told,) = server.http.post(path, json={"instances": row.tolist()}).json()["predictions"]
    assert told["probabilities"] == pytest.approx(expected.probabilities[0].tolist(), rel=1e-9)
    assert told["cluster"] == expected.clusters[0]

    document = server.get("/openapi.json")
    answered = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][answered["$ref"].rpartition("/")[2]]
    of_row = schema["properties"]["predictions"]["items"]["anyOf"][0]
    assert of_row["properties"]["probabilities"] == {"type": "array", "items": {"type": "number"}}
    assert set(told) == set(of_row["required"])

    v2 = f"/v2/models/{model}/versions/2"
    outputs = server.get(v2)["outputs"]
    assert outputs[-1] == {"name": "probabilities", "datatype": "FP64", "shape": [-1, 4]}
    tensor = {"name": "rows", "datatype": "FP64", "shape": [1, 2], "data": row.ravel().tolist()}
    answer = server.http.post(f"{v2}/infer", json={"inputs": [tensor]}).json()["outputs"][-1]
    assert (answer["shape"], answer["data"]) == ([1, 4], told["probabilities"])

    chromium_page.goto(f"{server.url}/ui/{model}", wait_until="networkidle")
    for name, value in zip(FEATURES, row[0], strict=True):
        chromium_page.get_by_label(name, exact=True).fill(str(value))
    chromium_page.get_by_role("button", name="Ask all versions").click()
    chromium_page.locator(".answers .cluster .chip").nth(1).wait_for(timeout=5_000)
    shown = chromium_page.locator(".answers .probabilities").first.inner_text()
    largest = sorted(zip(told["probabilities"], mixture(4, seed=2).labels, strict=True), reverse=True)
    assert shown.startswith(f"{largest[0][1]} {100 * largest[0][0]:.1f}%")
    chromium_page.goto(f"{server.url}/docs", wait_until="networkidle")
    chromium_page.locator(f"[data-tag='{model} v2']").click()
    chromium_page.locator(f"[data-tag='{model} v2'] ~ * .opblock-post .opblock-summary").first.click()
    chromium_page.get_by_text('"probabilities"').first.wait_for(timeout=10_000)
    assert server.stop() == 0
