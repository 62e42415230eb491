"""A data directory that an earlier commit left behind (`tests/kept`) goes on: landed on, verified, trained, served."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from contract.batch import Manifest, manifest_from_json, manifest_key
from contract.sections import Scheme
from contract.stream import Stream, parse_stream
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from pipeline.train.train_key import train_key
from tests.e2e.conftest import Demo
from tests.line import wait_for
from tests.services import ROOT, infra, port_block, settings_for

KEPT = ROOT / "tests" / "kept"
FACTS: dict[str, Any] = json.loads((KEPT / "facts.json").read_text())
STREAMS = {path.stem: path for path in sorted((KEPT / "streams").glob("*.yaml"))}
MODELS: Mapping[str, tuple[str, Scheme]] = {
    "kept": ("kept", "disjoint"),
    "kept-cumulative": ("kept", "cumulative"),
    "kept-sweep-cumulative": ("kept-sweep", "cumulative"),
}

# What says who is at work, and may change.
PASSING = ("leases/", "_probe/")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Today's services on the data directory of then."""
    data = tmp_path_factory.mktemp("kept") / "data"
    with tarfile.open(KEPT / "data.tar.xz") as archive:
        archive.extractall(data, filter="data")
    with port_block() as ports:
        settings = settings_for(data, ports)
        try:
            said = infra("up", environ=settings).stdout
            yield Demo(settings, json.loads(infra("env", "--json", environ=settings).stdout), said)
        finally:
            infra("down", environ=settings)


def line(kept: Demo, *arguments: str, stream: str) -> str:
    return kept.run(sys.executable, "-m", "pipeline", *arguments, "--stream", str(STREAMS[stream]))


def store(kept: Demo) -> ObjectStore:
    return ObjectStore(
        StoreSettings(
            endpoint_url=kept.services["AWS_ENDPOINT_URL_S3"],
            access_key=SecretStr(kept.services["AWS_ACCESS_KEY_ID"]),
            secret_key=SecretStr(kept.services["AWS_SECRET_ACCESS_KEY"]),
        )
    )


def manifests(kept: Demo, stream: str, last: int) -> list[bytes]:
    bodies = [store(kept).get(manifest_key(stream, batch)) for batch in range(1, last + 1)]
    return [body[0] for body in bodies if body is not None]


def parsed(stream: str) -> Stream:
    return parse_stream(STREAMS[stream].read_text(), stream)


def versions(kept: Demo) -> list[dict[str, Any]]:
    answer = httpx.get(f"{kept.services['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/model-versions/search", timeout=30)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["model_versions"]
    return found


def tags(version: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in version["tags"]}


def test_every_object_is_as_it_was_and_every_stream_is_proved(kept: Demo) -> None:
    found = {entry.key: entry.etag for entry in store(kept).list_objects("")}
    lasting = {key: etag for key, etag in FACTS["objects"].items() if not key.startswith(PASSING)}
    assert found.items() >= lasting.items()
    for stream in STREAMS:
        proof = json.loads(line(kept, "verify", "--json", stream=stream))
        assert proof["problems"] == []
        assert len(proof["batches"]) >= sum(key.startswith(f"{stream}/_batches/") for key in FACTS["objects"])


def test_train_keys_are_the_same_byte_for_byte(kept: Demo) -> None:
    for version in FACTS["versions"]:
        stream, scheme = MODELS[version["name"]]
        batch = int(version["version"])
        bodies = manifests(kept, stream, batch)
        key = train_key(parsed(stream), scheme, bodies if scheme == "cumulative" else bodies[-1:])
        assert key == tags(version)["train_key"], version["name"]


def agrees(then: object, now: object, where: str) -> None:
    """Assert that all that was answered then is answered now; more may be."""
    if isinstance(then, dict):
        assert isinstance(now, dict), where
        for name, value in then.items():
            assert name in now, f"{where}.{name}"
            agrees(value, now[name], f"{where}.{name}")
    elif isinstance(then, list):
        assert isinstance(now, list), where
        assert len(now) == len(then), where
        for index, pair in enumerate(zip(then, now, strict=True)):
            agrees(*pair, f"{where}[{index}]")
    else:
        assert now == then, where


def test_every_version_answers_what_it_answered(kept: Demo) -> None:
    with kept.client() as server:
        for then in FACTS["answers"]:
            base = f"/api/{then['model']}/v{then['version']}"
            wait_for(lambda base=base: server.get(f"{base}/cluster-stats").status_code == 200)  # type: ignore[misc]
            predicted = server.post(f"{base}/predict", json=then["asked"]).raise_for_status().json()
            agrees(then["predicted"], predicted, base)
            agrees(then["cluster_stats"], server.get(f"{base}/cluster-stats").json(), base)
            rows = server.get(f"{base}/clustering-results", params={"limit": 5}).raise_for_status().json()
            agrees(then["first_rows"]["results"], rows["results"], base)


LOAD = """
import json, sys
import mlflow, pandas as pd
from pyspark.sql import SparkSession
model, rows = sys.argv[1], json.loads(sys.argv[2])
loaded = mlflow.pyfunc.load_model(f"models:/{model}/1")
frame = pd.DataFrame(rows, columns=loaded.metadata.get_input_schema().input_names(), dtype="float64")
print("pyfunc", json.dumps([int(n) for n in loaded.predict(frame)["cluster"]]))
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
pipeline = mlflow.spark.load_model(f"models:/{model}/1")
columns = ", ".join(f"`{name}` double" for name in frame.columns)
data = [tuple(None if value != value else value for value in row) for row in frame.to_numpy().tolist()]
assigned = pipeline.transform(spark.createDataFrame(data, columns)).collect()
print("spark", json.dumps([row._cluster for row in assigned]))
spark.stop()
"""


def test_an_artifact_of_then_loads_as_pyfunc_and_in_spark(kept: Demo) -> None:
    then = next(answer for answer in FACTS["answers"] if answer["model"] == "kept-sweep-cumulative")
    said = kept.run(sys.executable, "-c", LOAD, then["model"], json.dumps(then["asked"]["instances"]))
    clusters = [prediction["cluster"] for prediction in then["predicted"]["predictions"]]
    assert f"pyfunc {clusters}" in said
    assert f"spark {clusters}" in said


def sealed(kept: Demo, stream: str) -> list[Manifest]:
    keys = [entry.key for entry in store(kept).list_objects(f"{stream}/_batches/")]
    return [manifest_from_json(body[0], key) for key in keys if (body := store(kept).get(key)) is not None]


def test_status_and_doctor_find_nothing_edited(kept: Demo) -> None:
    for stream in STREAMS:
        told = json.loads(line(kept, "status", "--json", stream=stream))
        assert (told["edits"], told["unreachable"]) == ([], [])
        said = line(kept, "doctor", stream=stream)
        edited = [told for told in said.splitlines() if told.startswith(("series ", "ledger ", "version ", "results "))]
        assert " things found" in said and edited == []


def test_the_line_goes_on_from_there(kept: Demo) -> None:
    before = {(version["name"], version["version"]): version["run_id"] for version in versions(kept)}
    said = line(kept, "replay", "--file", str(KEPT / "kept-sweep.csv"), stream="kept-sweep")
    assert "sent 30 rows of kept-sweep.csv to topic kept-sweep; 150 were there already" in said
    assert "sent 0 rows" in line(kept, "replay", "--file", str(KEPT / "kept.csv"), stream="kept")
    for stream in STREAMS:
        line(kept, "land", "--exit-when-idle", "1s", stream=stream)
        assert json.loads(line(kept, "verify", "--json", "--against-topic", stream=stream))["problems"] == []
    assert [(each.batch, each.rows, each.rejected) for each in sealed(kept, "kept")][3:] == [(4, 70, 1)]
    assert [each.rows for each in sealed(kept, "kept-sweep")] == [90, 60, 30]
    # Cumulative: rows of then and rows of today in one version, compared with one of then.
    assert "kept-sweep-cumulative version 3" in line(kept, "train", stream="kept-sweep")
    now = {(version["name"], version["version"]): version for version in versions(kept)}
    assert {name: now[name]["run_id"] for name in before} == before
    assert tags(now["kept-sweep-cumulative", "3"])["rows"] == "180"
    assert now.keys() - before.keys() == {("kept-sweep-cumulative", "3")}
    with kept.client() as server:
        wait_for(lambda: server.get("/api/kept-sweep-cumulative/v3/cluster-stats").status_code == 200)
    # The first that writes down what is known of a series of then.
    assert "version 2 is champion, version 3 is previous and rolled back" in line(kept, "rollback", stream="kept")
    assert json.loads(line(kept, "status", "--json", stream="kept"))["edits"] == []
