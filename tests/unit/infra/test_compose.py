"""The compose files say what `python -m infra up` does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from infra import credentials, settings
from infra.bring.toolchain import Toolchain
from infra.kafka import service as kafka
from infra.layout import Layout
from infra.minio import service as minio
from infra.mlflow import service as mlflow
from infra.service import Service, Start
from infra.settings import ROOT, Settings
from tests.integration.train.spark_cluster import WORKERS


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for field in Settings.model_fields:
        monkeypatch.delenv(settings.variable(field), raising=False)
    monkeypatch.setenv("SWATHE_DATA", str(tmp_path))
    return settings.load()


@pytest.fixture
def start(defaults: Settings) -> Start:
    layout = Layout(defaults.data)
    tools = Toolchain(java_home=Path("/java"), kafka_jars=Path("/kafka"), spark_jars=(), minio=lambda: Path("/minio"))
    return Start(defaults, layout, credentials.load_or_create(layout), tools, Path("/python"))


def composed(part: str) -> dict[str, Any]:
    """Return the part's service with every `${NAME:-default}` replaced by its default."""
    text = (ROOT / "infra" / part / "compose.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))["services"][part]
    return found


def published(service: Service) -> set[str]:
    return {f"127.0.0.1:{port}:{port}" for port in service.ports.values()}


def test_every_setting_in_a_compose_file_is_a_known_one() -> None:
    for file in (ROOT / "infra").glob("*/compose.yaml"):
        for name, default in re.findall(r"\$\{(SWATHE_\w+):-([^}]*)\}", file.read_text()):
            field = Settings.model_fields[name.removeprefix("SWATHE_").lower()]
            assert field.default is None or str(field.default) == default, f"{file}: {name}"


def test_kafka(defaults: Settings) -> None:
    compose = composed("kafka")
    told = {name: value for name, value in compose["environment"].items() if name.startswith("KAFKA_")}
    heap = told.pop("KAFKA_HEAP_OPTS")
    assert heap == f"-Xmx{defaults.kafka_heap} -Xms{defaults.kafka_heap}"
    # What must differ inside a container: where it listens, and where its volume is.
    told["KAFKA_LISTENERS"] = told["KAFKA_LISTENERS"].replace("0.0.0.0", "127.0.0.1")
    told["KAFKA_LOG_DIRS"] = "/data"
    ours = kafka.properties(defaults, Path("/data"))
    assert told == {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in ours.items()}
    assert compose["ports"] == [f"127.0.0.1:{defaults.port_kafka}:{defaults.port_kafka}"]
    version = compose["image"].partition(":")[2]
    assert f"org.apache.kafka:kafka_2.13:{version}\n" in (ROOT / "infra" / "kafka" / "jars.in").read_text()


def test_minio(defaults: Settings, start: Start) -> None:
    compose = composed("minio")
    command = minio.service(defaults).prepare(start)
    assert set(compose["environment"]) == set(command.environment)
    assert compose["environment"]["MINIO_UPDATE"] == command.environment["MINIO_UPDATE"]
    assert set(compose["ports"]) == published(minio.service(defaults))
    shell = compose["command"][0]
    assert f"mkdir -p /data/{defaults.bucket} /data/{minio.MLFLOW_BUCKET} " in shell
    ours = [each.replace("127.0.0.1", "") for each in command.argv[1:-1]]
    assert f"exec minio {' '.join(ours)} /data" in shell


def test_mlflow(defaults: Settings, start: Start) -> None:
    compose = composed("mlflow")
    command = mlflow.service(defaults).prepare(start)
    ours = [*command.argv[2:]]
    ours[ours.index("--host") + 1] = "0.0.0.0"
    told = compose["command"]
    assert told[: len(ours)] == ours
    assert told[len(ours)] == "--allowed-hosts"
    assert f"127.0.0.1:{defaults.port_mlflow}" in told[len(ours) + 1]
    assert set(compose["environment"]) == set(command.environment)
    for name in ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "AWS_DEFAULT_REGION"):
        assert compose["environment"][name] == command.environment[name]
    assert set(compose["ports"]) == published(mlflow.service(defaults))


def test_mlflow_on_postgresql_changes_the_store_alone() -> None:
    overlay = yaml.safe_load((ROOT / "infra" / "mlflow" / "postgresql.yaml").read_text())["services"]
    assert (
        set(overlay["mlflow"]["environment"]) == {"MLFLOW_BACKEND_STORE_URI"} < set(composed("mlflow")["environment"])
    )
    uri = urlsplit(overlay["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"])
    told = overlay["postgresql"]["environment"]
    assert (uri.username, uri.hostname, uri.path) == (told["POSTGRES_USER"], "postgresql", f"/{told['POSTGRES_DB']}")
    # The driver that the URI names is one that every environment has.
    dialect, _, driver = uri.scheme.partition("+")
    assert dialect == "postgresql" and re.search(rf"^{driver}\[?", (ROOT / "requirements/base.in").read_text(), re.M)


def test_the_spark_cluster_is_what_the_test_of_one_starts() -> None:
    services = yaml.safe_load((ROOT / "infra" / "spark" / "compose.yaml").read_text())["services"]
    master, worker = (services[f"spark-{kind}"]["command"] for kind in ("master", "worker"))
    source = (ROOT / "tests" / "integration" / "train" / "spark_cluster.py").read_text()
    assert 'f"org.apache.spark.deploy.{kind.lower()}.{kind}"' in source
    assert (master[1], worker[1]) == ("org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker")
    port = master[master.index("--port") + 1]
    assert worker[-1] == f"spark://127.0.0.1:{port}"
    assert services["spark-worker"]["deploy"]["replicas"] == WORKERS
