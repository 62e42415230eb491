"""Training asks the tracking server as somebody, and says who nowhere."""

from __future__ import annotations

import os

import pytest
from mlflow.utils.credentials import get_default_host_creds

from contract.errors import ConfigurationError, ServiceDownError
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.series import open_series
from pipeline.train.settings import tracking_settings

# Nobody listens there.
DEAD = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        # Set and taken away again, so that what a loader sets is undone with the test.
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://svc:hush%40hush@{DEAD}/")
    return monkeypatch


def test_credentials_in_the_uri_go_to_where_mlflows_client_looks() -> None:
    settings = tracking_settings()
    assert settings.uri == os.environ["MLFLOW_TRACKING_URI"] == f"http://{DEAD}"
    found = get_default_host_creds(settings.uri)  # type: ignore[no-untyped-call] # as mlflow has it
    assert (found.username, found.password) == ("svc", "hush@hush")
    # Asked for twice, as commands do.
    assert tracking_settings().server.headers == settings.server.headers


def test_nothing_that_is_said_or_stored_holds_them(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("SWATHE_SERVING_URL", "https://any:hush@predict.example")
    settings = tracking_settings()
    series = open_series("streams/flights.yaml", "from-file", "from-stream", settings)
    registry = Registry(settings, "m")
    with pytest.raises(ServiceDownError) as down:
        registry.versions()
    registry.close()
    said = f"{down.value} {settings!r} {series!r} {os.environ['MLFLOW_TRACKING_URI']}"
    assert f"http://{DEAD}" in said and "https://predict.example" in said and "hush" not in said


def test_what_is_no_address_is_refused_without_repeating_the_password(environ: pytest.MonkeyPatch) -> None:
    for uri in ("http://svc:hush/hush@h:1", "postgresql://svc:hush@h/d", "http://svc:hush@h:many"):
        environ.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(ConfigurationError) as refused:
            tracking_settings()
        assert "hush" not in str(refused.value)
