"""MLflow asks who asks (its own `basic-auth`): infra, training and the prediction server say so."""

from __future__ import annotations

import json
import stat
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.integration.train.conftest import Lab, batch
from tests.services import infra, port_block, settings_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

NAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


def _code(url: str) -> int:
    try:
        return int(urllib.request.urlopen(url, timeout=20).status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_line_works_where_mlflow_asks_for_a_name_and_a_password(tmp_path: Path) -> None:
    with port_block() as ports:
        chosen = settings_for(tmp_path / "data", ports) | {"SWATHE_MLFLOW_APP": "basic-auth"}
        try:
            infra("up", environ=chosen)
            environ: dict[str, str] = json.loads(infra("env", "--json", environ=chosen).stdout)
            url, password = environ["MLFLOW_TRACKING_URI"], environ[PASSWORD]
            assert _code(f"{url}/api/2.0/mlflow/registered-models/search") == 401
            lab = Lab(environ, tmp_path)
            lab.land(batch(400, 1))

            # Nobody, and somebody else: told which variables to look at, before anything is begun.
            for more in ({NAME: "", PASSWORD: ""}, {PASSWORD: "another one, of sixteen"}):
                code, said = lab.train(**more)
                assert code == 1 and NAME in said and "Traceback" not in said, said
            # By the URI, which is shown without what it holds.
            uri = url.replace("://", f"://{environ[NAME]}:{password}@")
            code, said = lab.train(**{NAME: "", PASSWORD: "", "MLFLOW_TRACKING_URI": uri})
            assert code == 0 and password not in said, said
            lab.land(batch(400, 1), batch(400, 2))
            code, said = lab.train()
            assert code == 0, said
            assert _served(environ, lab.name) == {1: "ready", 2: "ready"}
            told = infra("status", "--json", environ=chosen, check=False).stdout
            assert all(each["answers"] in {True, None} for each in json.loads(told)), told
            _assert_private(tmp_path / "data", password)
        finally:
            infra("down", environ=chosen, check=False)


def _served(environ: dict[str, str], model: str) -> dict[int, str]:
    deadline = time.monotonic() + 30
    found: dict[int, str] = {}
    while list(found.values()) != ["ready", "ready"] and time.monotonic() < deadline:
        listed: list[Any] = json.load(urllib.request.urlopen(f"{environ['SWATHE_SERVING_URL']}/api/models", timeout=10))
        found = {v["version"]: v["state"] for each in listed if each["name"] == model for v in each["versions"]}
        time.sleep(0.3)
    return found


def _assert_private(data: Path, password: str) -> None:
    for path in data.rglob("*"):
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            assert password.encode() not in path.read_bytes(), path
