"""The main job on real input: flights → topic → batches → versions → routes, by the README's commands."""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from contract.batch import Manifest, manifest_from_json, manifest_prefix
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from tests.e2e.conftest import Demo
from tests.e2e.given import clone, mine
from tests.line import wait_for
from tests.services import ROOT

FLIGHTS = 336_776
BATCHES = [112_259, 112_259, 112_258]
FEATURES = ["dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time"]


def test_it_prints_what_the_readme_promises(demo: Demo) -> None:
    assert f"sent {FLIGHTS:,} rows" in demo.said
    assert f"landed {FLIGHTS:,} rows in 3 batches, rejected 0" in demo.said
    assert "every offset is in exactly one place" in demo.said
    assert demo.services["MLFLOW_TRACKING_URI"] in demo.said
    assert f"{demo.url}/api" in demo.said
    for version in (1, 2, 3):
        assert f'"version":{version},' in demo.said


def test_the_registry_lists_three_versions_with_their_batches(demo: Demo) -> None:
    with demo.client() as server:
        (model,) = (model for model in server.get("/api/models").json() if model["name"] == "flights")
    listed = [(v["version"], v["state"], v["batch"], v["rows"]) for v in model["versions"]]
    assert listed == [(i, "ready", i, rows) for i, rows in enumerate(BATCHES, start=1)]


def test_again_it_does_only_what_is_new(demo: Demo) -> None:
    said = demo.run(sys.executable, "-m", "infra.demo")
    assert f"sent 0 rows of flights.csv.zip to topic flights; {FLIGHTS:,} were there already" in said
    assert "landed 0 rows in 0 batches" in said
    assert "nothing to do" in said
    assert '"version":3,' in said


@pytest.fixture(scope="module")
def spark(demo: Demo) -> Iterator[Any]:
    """A session that reads the demo's models from its tracking server."""
    import mlflow.spark
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo.services.items():
            patch.setenv(name, value)
        # Another test of this process may have chosen a server, which counts more than the environment.
        mlflow.set_tracking_uri(demo.services["MLFLOW_TRACKING_URI"])
        # There is one session in a process: another test's is used, and left to it. Not `getActiveSession`, which
        # knows those of this thread only, and that one was opened in another.
        is_ours = SparkContext._active_spark_context is None
        session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
        yield session
        if is_ours:
            session.stop()
            # Its JVM as well, of which MLflow keeps a handle: the next session needs one started with its jars.
            gateway: Any = SparkContext._gateway
            SparkContext._gateway = SparkContext._jvm = mlflow.spark._HadoopFileSystem._filesystem = None
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait(60)
        mlflow.set_tracking_uri(before)


def assert_http_is_spark(demo: Demo, spark: Any, model: str, version: int, manifests: Sequence[Manifest]) -> None:
    """Send at least 1,000 rows of ``manifests``, nulls among them; a fresh `transform` gives the same clusters."""
    import mlflow.spark

    rows = _some_rows(demo, manifests)
    assert len(rows) >= 1_000 and any(None in row for row in rows)
    with tempfile.TemporaryDirectory() as downloaded:
        stored = mlflow.spark.load_model(f"models:/{model}/{version}", dst_path=downloaded)
        schema = ", ".join(f"{name} int" for name in FEATURES)
        predicted = stored.transform(spark.createDataFrame(rows, schema))
        said_by_spark = [row[0] for row in predicted.select(stored.stages[-1].getPredictionCol()).collect()]
    with demo.client() as server:
        body = {"dataframe_split": {"columns": FEATURES, "data": rows}}
        answer = server.post(f"/api/{model}/v{version}/predict", json=body).raise_for_status().json()
    assert [prediction["cluster"] for prediction in answer["predictions"]] == said_by_spark
    assert len(set(said_by_spark)) > 1
    assert (answer["model"], answer["version"], answer["batch"]) == (model, version, manifests[-1].batch)


@pytest.mark.filterwarnings("ignore")
def test_predictions_over_http_are_sparks_own(demo: Demo, spark: Any) -> None:
    batches = _batches(demo, "flights")
    for version in (1, 2, 3):
        assert_http_is_spark(demo, spark, "flights", version, [batches[version - 1]])


@pytest.mark.long
def test_every_row_of_every_batch_gets_over_http_what_spark_gave_it(demo: Demo) -> None:
    """All 336,776 rows with the cluster and the distance that Spark stored, sent again: equal to the last bit."""
    compared = 0
    with demo.client() as server:
        for version, count in enumerate(BATCHES, start=1):
            path = f"/api/flights/v{version}"
            with server.stream(
                "GET", f"{path}/clustering-results", headers={"accept": "application/x-ndjson"}
            ) as lines:
                stored = [json.loads(line) for line in lines.iter_lines()]
            assert len(stored) == count
            for first in range(0, count, 10_000):
                chunk = stored[first : first + 10_000]
                body = {"dataframe_records": [row["features"] for row in chunk]}
                answer = server.post(f"{path}/predict", json=body).raise_for_status().json()["predictions"]
                expected = [{name: row[name] for name in ("cluster", "label", "distance")} for row in chunk]
                assert answer == expected
                compared += len(chunk)
    assert compared == FLIGHTS


def _batches(demo: Demo, stream: str) -> list[Manifest]:
    store = _store(demo)
    keys = [found.key for found in store.list_objects(manifest_prefix(stream))]
    return [manifest_from_json(found[0], key) for key in keys if (found := store.get(key)) is not None]


def _some_rows(demo: Demo, manifests: Sequence[Manifest]) -> list[list[int | None]]:
    """Return the features of about 2,000 rows of the batches, spread over them, and of 200 with a null."""
    store = _store(demo)
    rows: list[list[int | None]] = []
    for part in (part for manifest in manifests for part in manifest.parts):
        body = store.get(part.key)
        assert body is not None
        table = pq.read_table(io.BytesIO(body[0]), columns=FEATURES)
        rows += [list(row.values()) for row in table.to_pylist()]
    missing = [row for row in rows if None in row][:200]
    return rows[:: math.ceil(len(rows) / 2_000)] + missing


def _store(demo: Demo) -> ObjectStore:
    services = demo.services
    return ObjectStore(
        StoreSettings(
            endpoint_url=services["AWS_ENDPOINT_URL_S3"],
            access_key=SecretStr(services["AWS_ACCESS_KEY_ID"]),
            secret_key=SecretStr(services["AWS_SECRET_ACCESS_KEY"]),
        )
    )


def test_results_add_up_and_lead_back_to_the_topic(demo: Demo) -> None:
    with demo.client() as server:
        for version, rows in enumerate(BATCHES, start=1):
            stats = server.get(f"/api/flights/v{version}/cluster-stats").raise_for_status().json()
            assert sum(cluster["size"] for cluster in stats["clusters"]) == rows
            page = server.get(f"/api/flights/v{version}/clustering-results?limit=3").raise_for_status().json()
            row = page["results"][0]
            one = server.get(f"/api/flights/v{version}/clustering-results/{row['row_id']}").raise_for_status().json()
            assert row in one["results"]
            first = sum(BATCHES[: version - 1])
            assert first <= row["offset"] < first + rows


@pytest.mark.filterwarnings("ignore")
def test_cumulative_trains_a_model_of_its_own_that_answers_as_spark_does(demo: Demo, spark: Any) -> None:
    said = demo.run("mlflow", "run", ".", "--env-manager", "local", "-P", "scheme=cumulative")
    assert "flights-cumulative" in said
    _await_version(demo, "flights-cumulative", 3)
    with demo.client() as server:
        models = server.get("/api/models").json()
        (model,) = (model for model in models if model["name"] == "flights-cumulative")
        assert [v["rows"] for v in model["versions"]] == [sum(BATCHES[:i]) for i in (1, 2, 3)]
    batches = _batches(demo, "flights")
    for version in (1, 2, 3):
        assert_http_is_spark(demo, spark, "flights-cumulative", version, batches[:version])


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_windows_make_batches_whose_versions_answer_as_spark_does(demo: Demo, spark: Any, tmp_path: Path) -> None:
    """The other cut, under both schemes: windows of four days of the flights' own time."""
    name = "flights-by-window"
    stream = tmp_path / f"{name}.yaml"
    text = (ROOT / "streams/flights.yaml").read_text()
    for line, other in {
        "name: flights": f"name: {name}",
        "topic: flights": f"topic: {name}",
        "  rows: 112259": "  window: 4d",
    }.items():
        assert f"\n{line}\n" in text
        text = text.replace(f"\n{line}\n", f"\n{other}\n")
    stream.write_text(text)
    demo.run(sys.executable, "-m", "pipeline", "replay", "--stream", str(stream), "--stamp", "--limit", "10000")
    demo.run(sys.executable, "-m", "pipeline", "land", "--stream", str(stream), "--exit-when-idle", "2s")
    batches = _batches(demo, name)
    assert sum(batch.rows for batch in batches) == 10_000
    assert len(batches) >= 3 and all(batch.cut == "window" for batch in batches[:-1])
    for scheme, model in (("disjoint", name), ("cumulative", f"{name}-cumulative")):
        demo.run("mlflow", "run", ".", "--env-manager", "local", "-P", f"stream={stream}", "-P", f"scheme={scheme}")
        _await_version(demo, model, len(batches))
        for version in range(1, len(batches) + 1):
            trained_on = batches[:version] if scheme == "cumulative" else [batches[version - 1]]
            if sum(batch.rows for batch in trained_on) >= 1_000:
                assert_http_is_spark(demo, spark, model, version, trained_on)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["bisecting-kmeans", "gaussian-mixture"])
def test_another_clustering_goes_through_the_line(demo: Demo, spark: Any, tmp_path: Path, kind: str) -> None:
    """A stream of its own, of that kind: topic, batches, versions, routes, pages, and MLflow's two ways to load it."""
    name = f"flights-{kind}"
    stream = tmp_path / f"{name}.yaml"
    text = (ROOT / "streams/flights.yaml").read_text()
    text = text[: text.index("\nmodel:")] + f"\nmodel: {{kind: {kind}, k: 6, max_iter: 5}}\n"
    for line, other in {
        "name: flights": f"name: {name}",
        "topic: flights": f"topic: {name}",
        "  rows: 112259": "  rows: 4000",
    }.items():
        assert f"\n{line}\n" in text
        text = text.replace(f"\n{line}\n", f"\n{other}\n")
    stream.write_text(text)
    demo.run(sys.executable, "-m", "pipeline", "replay", "--stream", str(stream), "--limit", "8000")
    demo.run(sys.executable, "-m", "pipeline", "land", "--stream", str(stream), "--exit-when-idle", "2s")
    batches = _batches(demo, name)
    demo.run("mlflow", "run", ".", "--env-manager", "local", "-P", f"stream={stream}")
    _await_version(demo, name, 2)
    for version, batch in enumerate(batches, start=1):
        assert_http_is_spark(demo, spark, name, version, [batch])
    with demo.client() as server:
        stats = server.get(f"/api/{name}/v2/cluster-stats").raise_for_status().json()["clusters"]
        assert [each["size"] for each in stats] and sum(each["size"] for each in stats) == 4000 and len(stats) <= 6
        lines = server.get(f"/api/{name}/v2/clustering-results", headers={"accept": "application/x-ndjson"}).text
        stored = [json.loads(line) for line in lines.splitlines()]
        body = {"dataframe_records": [row["features"] for row in stored]}
        answers = server.post(f"/api/{name}/v2/predict", json=body).raise_for_status().json()["predictions"]
        likely = [answer.pop("probabilities") for answer in answers if kind == "gaussian-mixture"]
        assert all(len(of_row) == 6 and math.isclose(sum(of_row), 1) for of_row in likely)
        assert answers == [{key: row[key] for key in ("cluster", "label", "distance")} for row in stored]
        assert f"/api/{name}/v2/predict" in server.get("/openapi.json").json()["paths"]
        page = server.get(f"/ui/{name}").raise_for_status().text
        assert all(f"{each['size']:,}" in page and each["label"] in page for each in stats)
    code = f"import mlflow, pandas as pd; m = mlflow.pyfunc.load_model('models:/{name}/2'); "
    code += (
        f"print(m.predict(pd.DataFrame({[row['features'] for row in stored[:50]]!r}, dtype=float))['cluster'].tolist())"
    )
    assert str([row["cluster"] for row in stored[:50]]) in demo.run(sys.executable, "-c", code)
    # A series never changes its kind.
    stream.write_text(text.replace(f"kind: {kind}, ", ""))
    with pytest.raises(AssertionError, match=f"is a series of kind '{kind}'"):
        demo.run(sys.executable, "-m", "pipeline", "train", "--stream", str(stream))


def _await_version(demo: Demo, model: str, version: int) -> None:
    with demo.client() as server:
        wait_for(lambda: server.get(f"/api/{model}/v{version}/cluster-stats").is_success)


def test_from_another_directory_and_from_git(demo: Demo, tmp_path: Path) -> None:
    for project in (os.fspath(Path.cwd()), f"file://{Path.cwd()}"):
        assert "nothing to do" in demo.run("mlflow", "run", project, "--env-manager", "local", cwd=tmp_path)


def _block(after: str) -> str:
    """Return the shell block that follows ``after`` in the README."""
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(after)
    found = re.search(r"```sh\n(.*?)```", rest, flags=re.DOTALL)
    assert found is not None
    return found[1]


def test_your_own_data(demo: Demo, tmp_path: Path) -> None:
    here = clone(tmp_path / "clone")
    (here / "mine.csv").write_text(mine())
    said = demo.run("bash", "-euo", "pipefail", "-c", _block("## Your own data"), cwd=here)
    assert "sent 1,200 rows of mine.csv to topic mine" in said
    assert "landed 1,200 rows in 3 batches" in said
    assert "mine version 3" in said
    with demo.client() as server:
        row = server.get("/api/mine/v1/clustering-results/u7").raise_for_status().json()["results"][0]
    assert (row["offset"], row["features"]) == (7, {"spent": 100.0, "visits": 12.0})


def test_its_commands_are_the_ones_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # What they run is what this file and test_demo_ratings.py run; test_pages.py types the whole page.
    assert "\nmake demo\n" in _block("## Two commands") and "make demo-ratings\n" in (ROOT / "README.md").read_text()
    for target, module in (("demo", "infra.demo"), ("demo-ratings", "infra.demo.ratings")):
        assert re.search(rf"^{target}: ## .*\n.*-m {module} --began \S+$", makefile, flags=re.MULTILINE)


@pytest.mark.long
@pytest.mark.timeout(1_500)
def test_training_in_an_environment_of_its_own(demo: Demo, tmp_path: Path) -> None:
    """`--env-manager uv` builds the environment of conda.yaml, and Spark trains in it."""
    command = f"MLFLOW_ENV_ROOT={tmp_path} mlflow run . --env-manager uv -P model=flights-uv -P batch=1"
    assert "flights-uv version 1" in demo.run("bash", "-euo", "pipefail", "-c", command)
