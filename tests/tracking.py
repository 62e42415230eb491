"""Registers versions over a tracking server's REST API, at a real one or at the one in memory; no run, no Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from contract.model_version import GOLDEN_FILE, SCORING_FILE, STATISTICS_FILE, TAG_STATE, statistics_to_json
from scoring.golden import Golden
from scoring.kmeans import Assigner
from tests.integration.serving.registered import rows_of, scoring_of, statistics_of

_API = "/api/2.0/mlflow"


def artifact(seed: int = 1, k: int = 4) -> dict[str, bytes]:
    """Return the files of an artifact that loads, by name."""
    scoring = scoring_of(seed, k)
    rows = rows_of(scoring, 20, seed)
    clusters, distances = Assigner(scoring).assign(rows)
    return {
        SCORING_FILE: scoring.to_json(),
        STATISTICS_FILE: statistics_to_json(statistics_of(scoring, rows, clusters)),
        GOLDEN_FILE: Golden(scoring.features, rows, clusters, distances).to_json(),
    }


class Tracking:
    """Writes to one tracking server."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.http = httpx.Client(base_url=url, transport=transport, timeout=60)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def model(self, name: str, *, again: bool = False) -> str:
        """Register a model and its experiment, which is there where it is ``again``."""
        self._post("registered-models/create", {"name": name})
        if not again:
            self._post("experiments/create", {"name": name})
        return name

    def version(
        self, model: str, files: Mapping[str, bytes], tags: Mapping[str, str] | None = None, source: str | None = None
    ) -> int:
        """Make the next version, ready unless ``tags`` say otherwise; ``source`` in place of its own artifact's."""
        experiment = self._get("experiments/get-by-name", experiment_name=model)["experiment"]["experiment_id"]
        facts = self._post("runs/create", {"experiment_id": experiment})["run"]["info"]
        root = facts["artifact_uri"].removeprefix("mlflow-artifacts:").strip("/")
        for name, body in files.items():
            path = f"/api/2.0/mlflow-artifacts/artifacts/{quote(root)}/model/{name}"
            self.http.put(path, content=body).raise_for_status()
        fields = {
            "name": model,
            "source": source or f"{facts['artifact_uri']}/model",
            "run_id": facts["run_id"],
            "tags": [{"key": key, "value": value} for key, value in {TAG_STATE: "ready", **(tags or {})}.items()],
        }
        return int(self._post("model-versions/create", fields)["model_version"]["version"])

    def copies(self, model: str, number: int, count: int) -> None:
        """Make so many more versions of what version ``number`` is, its run included."""
        entry = self._get("model-versions/get", name=model, version=str(number))["model_version"]
        fields = {key: entry[key] for key in ("name", "source", "run_id", "tags")}
        for _ in range(count):
            self._post("model-versions/create", fields)

    def alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias to a version."""
        self._post("registered-models/alias", {"name": model, "alias": alias, "version": str(number)})

    def tag(self, model: str, number: int, key: str, value: str) -> None:
        """Tag a version."""
        self._post("model-versions/set-tag", {"name": model, "version": str(number), "key": key, "value": value})

    def model_tag(self, model: str, key: str, value: str | None) -> None:
        """Tag a model, or take the tag away."""
        if value is not None:
            self._post("registered-models/set-tag", {"name": model, "key": key, "value": value})
            return
        path, fields = f"{_API}/registered-models/delete-tag", {"name": model, "key": key}
        self.http.request("DELETE", path, json=fields).raise_for_status()

    def delete(self, model: str, number: int | None = None) -> None:
        """Delete a version, or the whole model."""
        path, fields = "registered-models/delete", {"name": model}
        if number is not None:
            path, fields = "model-versions/delete", {"name": model, "version": str(number)}
        self.http.request("DELETE", f"{_API}/{path}", json=fields).raise_for_status()

    def _post(self, path: str, fields: Mapping[str, Any]) -> Any:
        # Escaped, so that halves of surrogate pairs get through.
        answer = self.http.post(
            f"{_API}/{path}", content=json.dumps(fields), headers={"content-type": "application/json"}
        )
        assert answer.is_success, answer.text
        return answer.json()

    def _get(self, path: str, **query: str) -> Any:
        return self.http.get(f"{_API}/{path}", params=query).raise_for_status().json()
