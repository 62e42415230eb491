"""A version of typed rows, from landed rows through real training to its routes: what is stored is what is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.train.conftest import Lab
from tests.integration.train.typed_rows import COLUMNS, FEATURES, typed_rows


class TypedLab(Lab):
    """A stream whose features have every form."""

    @property
    def file(self) -> Path:
        """The stream file."""
        path = self.directory / f"{self.name}.yaml"
        head = f"name: {self.name}\ntopic: {self.name}\ncolumns:{COLUMNS}cut: {{rows: 9}}\n"
        path.write_text(f"{head}features:{FEATURES}model: {{k: 3, seed: 7}}\n")
        return path


@pytest.mark.long
def test_stored_rows_are_predicted_as_spark_assigned_them(services: dict[str, str], tmp_path: Path) -> None:
    lab = TypedLab(services, tmp_path)
    lab.land(typed_rows(900, 1))
    code, said = lab.train()
    assert code == 0 and lab.states() == [(1, "ready")], said
    server = PredictionServer(services, tmp_path, SWATHE_SERVING_MODELS=lab.name).start()
    try:
        base = f"/api/{lab.name}/v1"
        lines = server.http.get(f"{base}/clustering-results", headers={"accept": "application/x-ndjson"}).text
        stored = [json.loads(line) for line in lines.splitlines()]
        assert len(stored) == 900 and list(stored[0]["features"]) == list(lab.stream.inputs)
        answer = server.http.post(f"{base}/predict", json={"dataframe_records": [row["features"] for row in stored]})
        predicted = answer.raise_for_status().json()["predictions"]
        assert [(row["cluster"], row["distance"]) for row in predicted] == [
            (row["cluster"], row["distance"]) for row in stored
        ]
        example = server.get("/openapi.json")["paths"][f"{base}/predict"]["post"]["requestBody"]["content"]
        server.http.post(f"{base}/predict", json=example["application/json"]["example"]).raise_for_status()
        statistics = server.get(f"{base}/cluster-stats")["clusters"]
        assert sum(cluster["size"] for cluster in statistics) == 900
        assert set(statistics[0]["features"]["carrier"]) == {"values", "other", "missing"}
        assert len(statistics[0]["features"]["dep.month"]["shares"]) == 12
        page = server.http.get("/ui", headers={"accept": "text/html"}).text
        assert '<select name="carrier"' in page and 'type="datetime-local"' in page and "DROP `x`" in page
        assert server.stop() == 0
        assert "unexpected error" not in server.said()
    finally:
        server.close()
