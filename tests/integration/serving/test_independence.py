"""MLflow and MinIO may be down: what was served is served, after a restart too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.serving.conftest import NewServer
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.integration.serving.registered import Made, Maker, predict_body
from tests.integration.serving.relay import Relay, relay

Cut = tuple[PredictionServer, Relay, Relay]


@pytest.fixture
def cut(new_server: NewServer, services: dict[str, str], model: str) -> Iterator[Cut]:
    """A server, not yet started, whose way to MLflow and to MinIO can be cut."""
    with relay(services["MLFLOW_TRACKING_URI"]) as mlflow, relay(services["AWS_ENDPOINT_URL_S3"]) as minio:
        server = new_server(SWATHE_SERVING_MODELS=model, MLFLOW_TRACKING_URI=mlflow.url, AWS_ENDPOINT_URL_S3=minio.url)
        yield server, mlflow, minio
        if server.process is not None:
            assert server.stop() == 0


def _answers(server: PredictionServer, made: Made) -> bool:
    answer = server.predict(made.path, predict_body(made, range(20)))
    return answer.status_code == 200 and [row["cluster"] for row in answer.json()["predictions"]] == list(
        made.clusters[:20]
    )


def test_known_versions_answer_with_everything_else_down_and_after_a_restart(
    cut: Cut, maker: Maker, model: str, tmp_path: Path
) -> None:
    server, mlflow, minio = cut
    one, two = (maker.version(model, tmp_path, seed=seed) for seed in (1, 2))
    maker.alias(model, "champion", 1)
    server.start()
    page = server.get(f"{one.path}/clustering-results", limit=1000)
    mlflow.down()
    minio.down()
    eventually("staleness is told", lambda: server.get("/health/ready")["registry_error"])
    assert _answers(server, one) and _answers(server, two)
    assert server.stop() == 0

    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 10
    assert _answers(server, one) and _answers(server, two)
    assert server.get("/api/cluster-stats")["version"] == 1
    assert server.get(f"{one.path}/clustering-results", limit=1000) == page
    # These rows were never read, so nobody has them here.
    answer = server.http.get(f"{two.path}/clustering-results")
    assert answer.status_code == 503 and "minio" in answer.json()["message"]
    ready = server.get("/health/ready")
    assert ready["registry_age_s"] > 0 and "mlflow" in ready["registry_error"]

    mlflow.up()
    minio.up()
    eventually("the registry is read again", lambda: server.get("/health/ready")["registry_error"] is None)
    assert server.code(f"{two.path}/clustering-results") == 200
    three = maker.version(model, tmp_path, seed=3)
    eventually("new versions come again", lambda: _answers(server, three))


def test_it_may_start_before_everything_else(cut: Cut, maker: Maker, model: str, tmp_path: Path) -> None:
    server, mlflow, minio = cut
    mlflow.down()
    minio.down()
    server.start(ready=False)
    answer = server.http.get("/health/ready")
    assert answer.status_code == 503 and "mlflow does not answer" in answer.json()["message"]
    assert server.code("/api/cluster-stats") == 404
    one = maker.version(model, tmp_path, seed=1)
    mlflow.up()
    minio.up()
    server.wait("/health/ready")
    assert _answers(server, one)


def test_altered_files_in_the_cache_are_noticed(cut: Cut, maker: Maker, model: str, tmp_path: Path) -> None:
    server, mlflow, _ = cut
    one, two = (maker.version(model, tmp_path, seed=seed) for seed in (1, 2))
    server.start()
    assert server.stop() == 0
    (altered,) = (
        file for file in (tmp_path / "cache" / "objects").iterdir() if file.read_bytes() == one.scoring.to_json()
    )
    altered.write_bytes(altered.read_bytes().replace(b"1", b"2", 1))
    mlflow.down()
    server.start()
    versions = server.versions(model)
    assert (versions[1]["state"], versions[2]["state"]) == ("unavailable", "ready")
    assert "altered" in versions[1]["reason"] and _answers(server, two)
    mlflow.up()
    eventually("it is fetched anew", lambda: _answers(server, one))


def test_a_torn_or_foreign_cache_is_no_obstacle(cut: Cut, maker: Maker, model: str, tmp_path: Path) -> None:
    server, _, _ = cut
    one = maker.version(model, tmp_path, seed=1)
    directory = tmp_path / "cache"
    (directory / "results").mkdir(parents=True)
    (directory / "registry.json").write_bytes(b'{"half": ')
    (directory / "results" / ("0" * 64)).write_bytes(b"not what it says")
    server.start()
    assert _answers(server, one)
