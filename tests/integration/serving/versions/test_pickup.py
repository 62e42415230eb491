"""What changes in the registry is served within seconds, and harms nothing that is served."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.integration.serving.conftest import NewServer
from tests.integration.serving.load import Load
from tests.integration.serving.prediction_server import eventually
from tests.integration.serving.registered import Maker, predict_body


def test_new_versions_and_aliases_are_there_within_3_s_under_load(
    new_server: NewServer, maker: Maker, model: str, tmp_path: Path
) -> None:
    one = maker.version(model, tmp_path, seed=1)
    maker.alias(model, "champion", 1)
    # The interval that is the default.
    server = new_server(SWATHE_SERVING_MODELS=model, SWATHE_SERVING_POLL_S="1").start()
    two = maker.version(model, tmp_path, seed=2, ready=False)
    with Load(server.url, lambda: f"/api/{model}/champion/predict", predict_body(one, range(1))) as load:
        assert server.code(f"{two.path}/cluster-stats") == 404
        maker.set_state(model, 2, "ready")
        tagged = time.monotonic()
        eventually("v2 answers", lambda: server.predict(two.path, predict_body(two, range(3))).status_code == 200, 3)
        assert time.monotonic() - tagged < 3
        maker.alias(model, "champion", 2)
        maker.alias(model, "previous", 1)
        eventually("champion moved", lambda: server.get("/api/cluster-stats")["version"] == 2, 3)
        eventually("previous there", lambda: server.get(f"/api/{model}/previous/cluster-stats")["version"] == 1, 3)
        for spoil in ("golden", "scoring"):
            number = maker.version(model, tmp_path, seed=5, spoil=spoil).number
            found = eventually("spoilt is listed", lambda n=number: server.versions(model).get(n), 3)  # type: ignore[misc]
            assert found["state"] == "unavailable" and found["reason"]
    assert load.failures == []
    assert len(load.answers) > 100
    assert server.stop() == 0


def test_a_failed_version_is_listed_and_a_half_made_one_is_not(
    new_server: NewServer, maker: Maker, model: str, tmp_path: Path
) -> None:
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    assert server.get("/api/models") == [{"name": model, "aliases": {}, "versions": []}]
    assert server.code("/api/cluster-stats") == 404
    maker.version(model, tmp_path, seed=1, ready=False)
    maker.failed(model, "a feature is constant")
    found = eventually("v2 is listed", lambda: server.versions(model).get(2))
    assert found["reason"] == "a feature is constant"
    assert list(server.versions(model)) == [2]
    assert server.stop() == 0


def test_without_a_champion_the_newest_ready_version_answers(
    new_server: NewServer, maker: Maker, model: str, tmp_path: Path
) -> None:
    maker.version(model, tmp_path, seed=1)
    two = maker.version(model, tmp_path, seed=2)
    maker.failed(model, "too few rows")
    server = new_server(SWATHE_SERVING_MODELS=model).start()
    assert server.get("/api/cluster-stats")["version"] == 2
    assert server.predict(f"/api/{model}/champion", predict_body(two, range(1))).json()["version"] == 2
    assert server.code(f"/api/{model}/challenger/cluster-stats") == 404
    assert server.stop() == 0


def test_a_deleted_version_goes_after_its_grace(
    new_server: NewServer, maker: Maker, model: str, tmp_path: Path
) -> None:
    one = maker.version(model, tmp_path, seed=1)
    maker.version(model, tmp_path, seed=2)
    server = new_server(SWATHE_SERVING_MODELS=model, SWATHE_SERVING_GRACE_S="2").start()
    maker.client.delete_model_version(model, "1")
    eventually("it is told to be deleted", lambda: server.versions(model)[1]["deleted"])
    assert server.predict(one.path, predict_body(one, range(1))).status_code == 200
    eventually("it is gone", lambda: server.code(f"{one.path}/cluster-stats") == 404)
    assert list(server.versions(model)) == [2]
    assert server.stop() == 0


@pytest.mark.long
def test_a_hundred_versions_are_there_soon(new_server: NewServer, maker: Maker, model: str, tmp_path: Path) -> None:
    for seed in range(100):
        maker.version(model, tmp_path, seed=seed, n=60, results=False)
    server = new_server(SWATHE_SERVING_MODELS=model).start(ready=False)
    # Nothing is cached yet: five files' worth of requests a version, of a tracking server that tests share.
    server.wait("/health/ready", 120)
    assert len(server.versions(model)) == 100
    assert server.stop() == 0
    began = time.monotonic()
    server.start()
    # 5 s where nothing else runs; tests share the machine with services and with each other.
    assert time.monotonic() - began < 15
    assert {version["state"] for version in server.versions(model).values()} == {"ready"}
    memory = sum(process.memory_full_info().pss for process in server.tree())
    assert memory < 300 * 2**20, f"{memory / 2**20:.0f} MiB"
    assert server.stop() == 0
