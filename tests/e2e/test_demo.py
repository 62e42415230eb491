"""The main job on real input: flights → topic → batches → versions → routes, by the README's commands."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.batch import manifest_from_json, manifest_key
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings
from tests.e2e.conftest import Demo

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
def spark_environment(demo: Demo) -> Iterator[None]:
    import mlflow

    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo.services.items():
            patch.setenv(name, value)
        # Another test of this process may have chosen a server, which counts more than the environment.
        mlflow.set_tracking_uri(demo.services["MLFLOW_TRACKING_URI"])
        yield
        mlflow.set_tracking_uri(before)


@pytest.mark.filterwarnings("ignore")
def test_predictions_over_http_are_sparks_own(demo: Demo, spark_environment: None, tmp_path: Path) -> None:
    """At least 1,000 rows of each batch, nulls among them, against a fresh `transform` of the stored model."""
    import mlflow
    import mlflow.spark
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        for version, manifest_batch in ((1, 1), (2, 2), (3, 3)):
            rows = _rows_of_batch(demo, manifest_batch)
            assert any(None in row for row in rows)
            downloaded = tmp_path / str(version)
            downloaded.mkdir()
            model = mlflow.spark.load_model(f"models:/flights/{version}", dst_path=str(downloaded))
            schema = ", ".join(f"{name} int" for name in FEATURES)
            predicted = model.transform(spark.createDataFrame(rows, schema))
            said_by_spark = [row[0] for row in predicted.select(model.stages[-1].getPredictionCol()).collect()]
            with demo.client() as server:
                body = {"dataframe_split": {"columns": FEATURES, "data": rows}}
                answer = server.post(f"/api/flights/v{version}/predict", json=body).raise_for_status().json()
            assert [prediction["cluster"] for prediction in answer["predictions"]] == said_by_spark
            assert (answer["model"], answer["version"], answer["batch"]) == ("flights", version, manifest_batch)
    finally:
        spark.stop()


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


def _rows_of_batch(demo: Demo, batch: int) -> list[list[int | None]]:
    """Return the features of about 2,000 rows of a batch, spread over it."""
    import io

    import pyarrow.parquet as pq

    store = ObjectStore(StoreSettings.model_validate(_store_fields(demo.services)))
    key = manifest_key("flights", batch)
    found = store.get(key)
    assert found is not None
    (part,) = manifest_from_json(found[0], key).parts
    body = store.get(part.key)
    assert body is not None
    table = pq.read_table(io.BytesIO(body[0]), columns=FEATURES)
    rows = [list(row.values()) for row in table.to_pylist()]
    missing = [row for row in rows if None in row][:200]
    return rows[:: math.ceil(len(rows) / 2_000)] + missing


def _store_fields(services: dict[str, str]) -> dict[str, Any]:
    return {
        "endpoint_url": services["AWS_ENDPOINT_URL_S3"],
        "access_key": services["AWS_ACCESS_KEY_ID"],
        "secret_key": services["AWS_SECRET_ACCESS_KEY"],
    }


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


def test_cumulative_trains_a_model_of_its_own(demo: Demo) -> None:
    said = demo.run("mlflow", "run", ".", "--env-manager", "local", "-P", "scheme=cumulative")
    assert "flights-cumulative" in said
    with demo.client() as server:
        models = server.get("/api/models").json()
        (model,) = (model for model in models if model["name"] == "flights-cumulative")
        assert [v["rows"] for v in model["versions"]] == [sum(BATCHES[:i]) for i in (1, 2, 3)]


def test_from_another_directory_and_from_git(demo: Demo, tmp_path: Path) -> None:
    for project in (os.fspath(Path.cwd()), f"file://{Path.cwd()}"):
        assert "nothing to do" in demo.run("mlflow", "run", project, "--env-manager", "local", cwd=tmp_path)
