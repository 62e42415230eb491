"""Hostile versions in a real MLflow: each is unavailable with its reason, and everything else goes on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract.model_version import GOLDEN_FILE, SCORING_FILE, STATISTICS_FILE
from tests.integration.serving.conftest import NewServer
from tests.integration.serving.prediction_server import eventually
from tests.tracking import Tracking, artifact

FILES = artifact()
DIGITS = FILES[SCORING_FILE].replace(b'"mean": [', b'"mean": [' + b"9" * 5000 + b",")
# Of those that MLflow takes.
ELSEWHERE = ("s3://elsewhere/model", "dbfs:/model")


def _changed(name: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    fields = json.loads(FILES[name])
    change(fields)
    return {**FILES, name: json.dumps(fields).encode()}


BROKEN: dict[str, dict[str, bytes]] = {
    "goldint": _changed(GOLDEN_FILE, lambda fields: fields["clusters"].__setitem__(0, 2**40)),
    "statlist": {**FILES, STATISTICS_FILE: b'{"clusters": [{"features": []}]}'},
    "blob": {**FILES, SCORING_FILE: b'"' + b"a" * (33 * 2**20) + b'"'},
    "nested": {**FILES, GOLDEN_FILE: b"[" * 100_000},
    "nested beside": {**FILES, STATISTICS_FILE: b'{"more":' + b"[" * 100_000},
    "list": {**FILES, SCORING_FILE: b"[1]"},
    "digits": {**FILES, SCORING_FILE: DIGITS},
    "keys": _changed(SCORING_FILE, lambda fields: fields.pop("centers")),
    "digest": _changed(GOLDEN_FILE, lambda fields: fields["distances"].__setitem__(0, 1.0)),
    "page": _changed(STATISTICS_FILE, lambda fields: fields["clusters"][0].update(label="<script>")),
    "share": _changed(STATISTICS_FILE, lambda fields: fields["clusters"][0].update(share=1e300)),
    "no file": {},
}
ODD_TAGS = {
    "rows": "²", "rejected": "9" * 5000, "window": "x", "offsets": "[" * 5000, "silhouette": "nan", "batch": "-1",
    "ref_silhouette": "1e999", "gate": "<b>", "drift": "huge", "gate_reason": "y" * 100_000, "rolled_back": "x",
}  # fmt: skip


@pytest.fixture
def tracking(services: dict[str, str]) -> Iterator[Tracking]:
    tracking = Tracking(services["MLFLOW_TRACKING_URI"])
    yield tracking
    tracking.close()


def test_hostile_versions_stop_nobody(new_server: NewServer, tracking: Tracking) -> None:
    odd, good = (tracking.model(f"{name}-{uuid.uuid4().hex[:8]}") for name in ("odd", "good"))
    for files in BROKEN.values():
        tracking.version(odd, files)
    for source in ELSEWHERE:
        tracking.version(odd, {}, source=source)
    broken = len(BROKEN) + len(ELSEWHERE)
    odd_tags = tracking.version(odd, FILES, ODD_TAGS)
    one = tracking.version(good, FILES)
    tracking.alias(good, "champion", one)
    tracking.alias(odd, "champion", 1)
    server = new_server(SWATHE_SERVING_MODELS=f"{odd},{good}").start()

    versions = server.versions(odd)
    for number, what in enumerate([*BROKEN, *ELSEWHERE], start=1):
        found = versions[number]
        assert found["state"] == "unavailable", what
        assert 0 < len(found["reason"]) <= 300 and "Traceback" not in found["reason"], what
    assert "bytes" in versions[list(BROKEN).index("blob") + 1]["reason"]
    tags = versions[odd_tags]
    assert tags["state"] == "ready" and tags["batch"] == odd_tags
    absent = set(ODD_TAGS) - {"batch"}
    assert {name for name in absent if tags[name] is not None} == set()
    assert server.code(f"/api/{odd}/v1/cluster-stats") == server.code(f"/api/{odd}/champion/cluster-stats") == 409
    assert server.code(f"/api/{good}/champion/cluster-stats") == 200
    for page in ("/api/models", "/ui", f"/ui/{odd}", f"/ui/{good}", "/metrics", "/openapi.json", "/docs"):
        assert server.code(page) == 200, page
    assert server.http.post("/v2/repository/index", json={}).status_code == 200

    tracking.alias(good, "champion", tracking.version(good, FILES))
    tracking.alias(odd, "champion", odd_tags)
    eventually("the alias moves", lambda: server.get(f"/api/{good}/champion/cluster-stats")["version"] == 2)
    eventually("this one too", lambda: server.code(f"/api/{odd}/champion/cluster-stats") == 200)
    said = server.said()
    assert "Traceback" not in said
    for number in range(1, broken + 1):
        told = [line for line in said.splitlines() if f"model={odd} version={number} " in line]
        assert len(told) == 1 and "version unavailable" in told[0], told
    # One process holds no more than what 200 MB of hostile files would have cost one of them.
    memory = max(process.memory_info().rss for process in server.tree())
    assert memory < 400 * 2**20, f"{memory / 2**20:.0f} MiB"
    assert server.stop() == 0


@pytest.mark.long
def test_a_hundred_versions_that_do_not_load_keep_nobody_waiting(new_server: NewServer, tracking: Tracking) -> None:
    odd, good = (tracking.model(f"{name}-{uuid.uuid4().hex[:8]}") for name in ("a-odd", "good"))
    for _ in range(100):
        tracking.version(odd, {})
    tracking.version(good, FILES)
    tracking.alias(good, "champion", 1)
    server = new_server(SWATHE_SERVING_MODELS=f"{odd},{good}").start()
    assert {version["state"] for version in server.versions(odd).values()} == {"unavailable"}
    assert server.code(f"/api/{good}/champion/cluster-stats") == 200
    tracking.version(good, FILES)
    eventually("the next one is there", lambda: server.code(f"/api/{good}/v2/cluster-stats") == 200, 5)
    assert server.said().count("version unavailable") == 100
    assert server.stop() == 0
