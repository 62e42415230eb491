"""An empty variable counts as unset: for every setting, of every command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract import environment
from contract.errors import ConfigurationError
from infra import settings as infra_settings
from infra.credentials import load_or_create
from infra.layout import Layout
from infra.services.client_environment import client_environment
from pipeline.fault import fault_point
from pipeline.settings import kafka_settings, store_settings
from pipeline.train.series import open_series
from pipeline.train.settings import spark_settings, tracking_settings
from serving.settings import serving_settings

FOREIGN = (
    *("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"),
    *("AWS_PROFILE", "SPARK_MASTER", "NO_PROXY", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_RUN_ID"),
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_HTTP_REQUEST_TIMEOUT"),
)
KAFKA = ("SWATHE_KAFKA_BOOTSTRAP_SERVERS", "SWATHE_KAFKA_SASL_USERNAME")
OURS = (environment.PREFIX, "AWS_", "MLFLOW_", "SPARK_", "NO_PROXY", "no_proxy")


def _said(load: Callable[[], Any]) -> str:
    try:
        found = load()
    except ConfigurationError as error:
        return f"error: {error}"
    secret = getattr(found, "api_key", None)
    return f"{found!r} {secret}"


def _series() -> Any:
    return open_series("streams/flights.yaml", "from-file", "from-stream", tracking_settings())


@pytest.fixture
def loaders(tmp_path: Path) -> list[Callable[[], Any]]:
    def clients() -> Any:
        layout = Layout(tmp_path)
        return client_environment(infra_settings.load(), layout, load_or_create(layout))

    return [
        *(infra_settings.load, clients, store_settings, kafka_settings, tracking_settings, spark_settings, _series),
        *(serving_settings, lambda: fault_point("land.put")),
    ]


@pytest.mark.parametrize("name", [*environment.KNOWN, *FOREIGN, *KAFKA])
def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch, loaders: list[Callable[[], Any]], name: str) -> None:
    for each in [each for each in os.environ if each.startswith(OURS)]:
        monkeypatch.delenv(each)
    jars = Path("pyproject.toml")
    needed = {"AWS_ENDPOINT_URL_S3": "http://h:1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    needed |= {"MLFLOW_TRACKING_URI": "http://h:2", "SWATHE_SPARK_JARS": str(jars), KAFKA[0]: "h:3"}
    for each, value in needed.items():
        if each != name:
            monkeypatch.setenv(each, value)
    before = dict(os.environ)
    unset = [_said(load) for load in loaders]
    for load in range(len(loaders)):
        # The loaders before may have settled it.
        for each in {*os.environ} - {*before}:
            monkeypatch.delenv(each)
        for each, value in before.items():
            os.environ[each] = value
        monkeypatch.setenv(name, "")
        assert _said(loaders[load]) == unset[load], loaders[load]


def test_what_is_read_by_hand_is_read_behind_a_loader_or_holds_for_empty() -> None:
    """Whoever reads a variable by hand takes care of its being empty; this list is looked at when it grows."""
    by_hand = re.compile(r"environ(?:\.get|\.pop)?[\[(]\"((?:SWATHE|AWS|MLFLOW|SPARK)_[A-Z_0-9]+)\"")
    found = {
        (str(path), name)
        for part in ("console", "contract", "scoring", "pipeline", "serving", "infra")
        for path in Path(part).rglob("*.py")
        for name in by_hand.findall(path.read_text(encoding="utf-8"))
    }
    read = {
        ("pipeline/fault.py", "SWATHE_FAULT"),
        ("pipeline/train/series.py", "SWATHE_SERVING_URL"),
        ("pipeline/train/mlflow_client/launch_probe.py", "MLFLOW_TRACKING_URI"),
        ("pipeline/train/series.py", "SWATHE_MLFLOW_URL"),
        ("pipeline/train/series.py", "MLFLOW_RUN_ID"),
        ("pipeline/train/mlflow_client/launch_probe.py", "MLFLOW_EXPERIMENT_NAME"),
        ("infra/bootstrap.py", "SWATHE_CACHE"),
        ("console/library_log.py", "SWATHE_LOGS"),
        ("console/library_log.py", "MLFLOW_CONFIGURE_LOGGING"),
        ("console/library_log.py", "SWATHE_DATA"),
        ("console/library_log.py", "SWATHE_CACHE"),
    }
    # `infra demo` and `infra live` read what `infra env` has just printed.
    assert {entry for entry in found if entry[0] not in {"infra/demo/demo.py", "infra/demo/live.py"}} == read


def test_an_unknown_name_is_refused_empty_or_not() -> None:
    with pytest.raises(ConfigurationError, match="SWATHE_PORT_KAFKA"):
        environment.settle({"SWATHE_PORT_KAFKKA": ""})
