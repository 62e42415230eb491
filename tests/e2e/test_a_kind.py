"""A kind of model that somebody else's package brings goes through the whole line; nothing of the product changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.model_version import LAUNCHES_EXPERIMENT
from tests.integration.serving.prediction_server import PredictionServer
from tests.services import ROOT

PACKAGE = Path(__file__).parent / "a_kind"
STREAM = """
name: {name}
topic: {name}
columns: {{user: {{type: string}}, spent: {{type: float64}}, visits: {{type: int32}}}}
id: [user]
cut: {{rows: 300}}
features: [spent, visits]
model: {{kind: medians, rank_error: 0.0}}
gate: {{max_missing_share: 0.4}}
"""
LOADED = """
import sys, mlflow, pandas
assert "swathe_medians" not in sys.modules
row = pandas.DataFrame({"spent": [None, 4.0], "visits": [2.0, None]}, dtype="float64")
print(mlflow.pyfunc.load_model(sys.argv[1]).predict(row).to_json(orient="values"))
"""


@dataclass(frozen=True)
class Line:
    """A stream of that kind, in an environment that has its package beside the project's own."""

    environ: Mapping[str, str]
    stream: Path
    name: str

    def run(self, *command: str, cwd: Path = ROOT, **more: str) -> tuple[int, str]:
        """Run a command; return its exit code and what it said."""
        done = subprocess.run(
            command, cwd=cwd, env={**self.environ, **more}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def pipeline(self, *arguments: str) -> str:
        """Run `python -m pipeline` on the stream; return what it said."""
        code, said = self.run(sys.executable, "-m", "pipeline", *arguments, "--stream", str(self.stream))
        assert code == 0, said
        return said

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        """Ask the tracking server."""
        uri = f"{self.environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{path}"
        found: dict[str, Any] = httpx.get(uri, params=query).raise_for_status().json()
        return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which the package is installed, as pip does."""
    source, target = tmp_path_factory.mktemp("source") / "a_kind", tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--offline", "--python", sys.executable]
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", *flags, "--target", str(target), str(source)], check=True
    )
    return target


@pytest.fixture(scope="module")
def line(services: dict[str, str], installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """Three batches of rows, of which the second has a feature without a value; landed, and trained by `mlflow run`."""
    directory, name = tmp_path_factory.mktemp("medians"), f"t-{uuid.uuid4().hex[:12]}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, **services, "PATH": path, "PYTHONPATH": str(installed)}
    made = Line(environ | {"MLFLOW_EXPERIMENT_NAME": LAUNCHES_EXPERIMENT}, directory / "medians.yaml", name)
    made.stream.write_text(STREAM.format(name=name))
    rows = (f"u{n},{'' if n % 4 == 0 or 300 <= n < 600 else n % 100},{n % 7}\n" for n in range(900))
    (directory / "rows.csv").write_text("user,spent,visits\n" + "".join(rows))
    made.pipeline("replay", "--file", str(directory / "rows.csv"))
    assert "landed 900 rows in 3 batches" in made.pipeline("land", "--exit-when-idle", "2s")
    made.pipeline("verify")
    code, said = made.run(
        "mlflow", "run", str(ROOT), "--env-manager", "local", "-P", f"stream={made.stream}", cwd=directory
    )
    assert code == 0, said
    return made


@pytest.fixture(scope="module")
def server(line: Line, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictionServer]:
    """A server that has the package."""
    directory = tmp_path_factory.mktemp("server")
    running = PredictionServer(line.environ, directory, SWATHE_SERVING_MODELS=line.name)
    with closing(running):
        yield running.start()


@pytest.mark.long
def test_each_batch_is_a_version_of_the_kind(line: Line, tmp_path: Path) -> None:
    found = {
        version: {tag["key"]: tag["value"] for tag in told["tags"]} | {"said": told["description"]}
        for version in ("1", "2", "3")
        for told in [line.ask("model-versions/get", name=line.name, version=version)["model_version"]]
    }
    assert [found[version]["state"] for version in found] == ["ready", "failed", "ready"]
    assert {found[version]["kind"] for version in found} == {"medians"}
    assert "feature 'spent' has no value" in found["2"]["reason"]
    assert f"/api/{line.name}/v1/medians)" in found["1"]["said"] and "results" not in found["1"]
    assert found["3"]["gate_reason"].startswith("passed the absolute checks")
    run_id = line.ask("model-versions/get", name=line.name, version="1")["model_version"]["run_id"]
    tags = {tag["key"]: tag["value"] for tag in line.ask("runs/get", run_id=run_id)["run"]["data"]["tags"]}
    tables = [each["path"] for each in json.loads(tags["mlflow.loggedArtifacts"])]
    assert tables == ["medians.json", "deviations.json"]
    told = line.ask("registered-models/get", name=line.name)["registered_model"]
    assert {alias["alias"]: alias["version"] for alias in told["aliases"]} == {"champion": "3", "previous": "1"}
    # What the artifact carries is enough: the package is not there.
    code, said = line.run(
        sys.executable, "-c", LOADED, f"models:/{line.name}/1", cwd=tmp_path, PYTHONPATH="", MLFLOW_EXPERIMENT_NAME=""
    )
    assert code == 0, said
    assert json.loads(said.splitlines()[-1]) == [[50.0, 2.0], [4.0, 3.0]]


@pytest.mark.long
def test_its_routes_answer_and_are_told_of(line: Line, server: PredictionServer) -> None:
    base, body = f"/api/{line.name}/v1", {"dataframe_records": [{"spent": None, "visits": 2}]}
    http = server.http
    filled = http.post(f"{base}/predict", json=body).raise_for_status().json()
    assert filled["predictions"] == [{"spent": 50.0, "visits": 2.0}] and filled["batch"] == 1
    strange = http.post(f"{base}/outliers", json={"inputs": [[100, None]]}).raise_for_status().json()
    assert strange["predictions"] == [{"spent": 2.0, "visits": 0.0}]
    assert http.post(f"{base}/predict", json={"inputs": [[1]]}).status_code == 422
    assert http.get(f"/api/{line.name}/champion/medians").json()["medians"] == {"spent": 50.0, "visits": 3.0}
    assert http.get("/api/medians").json()["version"] == 3
    assert http.get(f"{base}/cluster-stats").status_code == 404
    refused = http.get(f"/api/{line.name}/v2/medians")
    assert refused.status_code == 409 and "has no value" in refused.json()["message"]
    tensor = {"name": "rows", "datatype": "FP64", "shape": [1, 2], "data": [None, 2]}
    said = http.post(f"/v2/models/{line.name}/infer", json={"inputs": [tensor]}).raise_for_status().json()
    assert said["outputs"][0]["data"] == [50.0, 2.0]
    paths = http.get("/openapi.json").json()["paths"]
    assert {f"{base}/outliers", f"{base}/medians", "/api/medians"} <= paths.keys()
    assert f"{base}/cluster-stats" not in paths and http.get("/docs").status_code == 200
    assert "/api/{model}/{version}/outliers" in http.get("/openapi-client.json").json()["paths"]
    listed = http.get("/api/models").json()[0]["versions"]
    assert [each["medians"] for each in listed][::2] == [{"spent": 50.0, "visits": 3.0}] * 2
    assert f'swathe_rows_total{{model="{line.name}",version="1"}} 2.0' in http.get("/metrics").text


@pytest.mark.long
def test_the_page_has_its_part_and_its_metrics(line: Line, server: PredictionServer) -> None:
    page = server.http.get(f"/ui/{line.name}").text
    assert "Medians from version to version" in page and "spent 50.0" in page and "Half of the values" in page
    assert "missing_share_max" in page and "median/spent" in page and "Profiles" not in page
    for asset in ("medians.js", "medians.css"):
        assert f"/ui-assets/medians/{asset}" in page
        assert server.http.get(f"/ui-assets/medians/{asset}").status_code == 200


@pytest.mark.long
def test_without_the_package_its_versions_are_told_as_unavailable_and_its_stream_file_is_refused(
    line: Line, tmp_path: Path
) -> None:
    code, said = line.run(sys.executable, "-m", "pipeline", "status", "--stream", str(line.stream), PYTHONPATH="")
    assert code != 0 and "'medians' is no kind of model; there are" in said
    bare = {**line.environ, "PYTHONPATH": ""}
    with closing(PredictionServer(bare, tmp_path, SWATHE_SERVING_MODELS=line.name)) as server:
        refused = server.start().http.get(f"/api/{line.name}/v1/cluster-stats")
    assert refused.status_code == 409 and "its kind of model is 'medians'; installed are" in refused.json()["message"]
