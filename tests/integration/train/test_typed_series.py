"""A series of typed rows: trained by the real command, loaded by MLflow's two flavours, compared with itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from contract.lineage import lineage_from_json
from contract.model_version import LINEAGE_FILE, SCORING_FILE, STATISTICS_FILE, statistics_from_json
from pipeline.train.kinds.clusters.cells import Cells
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.bisecting import BisectingScoring
from scoring.kmeans import Scoring
from scoring.mixture import MixtureScoring
from tests.integration.train.conftest import Lab
from tests.integration.train.typed_rows import COLUMNS, FEATURES, HOSTILE, typed_rows

FEW = """
- dist
- {column: carrier, as: category, max_categories: 2}
- {column: night, as: category}
- {column: stops, as: category, max_categories: 2}
- {column: dep, as: cyclic, of: hour}
"""
NUMBERS: dict[str, Any] = {
    "kmeans": Scoring,
    "bisecting-kmeans": BisectingScoring,
    "gaussian-mixture": MixtureScoring,
}
PYFUNC = """
import sys, mlflow, pandas as pd
frame = pd.DataFrame({
    "carrier": ["AA", None, "nobody's"], "night": [True, False, True], "stops": [2, 0, 5],
    "dist": [30.0, None, -7e5], "delay": [1.0, 2.0, None],
    "dep": pd.to_datetime(["2016-03-13T07:30:00", None, "1969-12-31T23:59:59.999999"], format="ISO8601"),
})
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = frame[model.metadata.get_input_schema().input_names()]
answers = model.predict(frame)
no_integer, zoned = frame["stops"].where(frame["stops"] > 0), frame["dep"].dt.tz_localize("UTC")
for column, cells, said in [
    ("dep", zoned, "only contains timezone-naive datetime objects"),
    ("dep", zoned.astype(object), "only contains timezone-naive datetime objects"),
    ("stops", no_integer, "Can not safely convert float64 to int64"),
    ("stops", no_integer.astype("Int64"), "cannot convert NA to integer"),
]:
    try:
        model.predict(frame.assign(**{column: cells}))
    except Exception as error:
        assert said in str(error), error
    else:
        raise AssertionError(f"{column} of {cells.dtype} is taken")
model.predict(frame.assign(night=pd.Series([True, None, False], dtype=object)))
print(answers[["cluster", "distance"]].to_json(double_precision=15, orient="values"))
"""
ROWS: list[dict[str, Any]] = [
    {"carrier": "AA", "night": True, "stops": 2, "dist": 30.0, "delay": 1.0, "dep": 1_457_854_200_000_000},
    {"carrier": None, "night": False, "stops": 0, "dist": None, "delay": 2.0, "dep": None},
    {"carrier": "nobody's", "night": True, "stops": 5, "dist": -7e5, "delay": None, "dep": -1},
]


class TypedLab(Lab):
    """A stream whose features have every form, or the few that a mixture takes."""

    @property
    def file(self) -> Path:
        """The stream file."""
        path = self.directory / f"{self.name}.yaml"
        features = FEW if "mixture" in self.k else FEATURES
        head = f"name: {self.name}\ntopic: {self.name}\ncolumns:{COLUMNS}cut: {{rows: 9}}\n"
        path.write_text(f"{head}features:{features}model: {self.k}\n")
        return path


@pytest.mark.long
@pytest.mark.parametrize("kind", NUMBERS)
def test_typed_rows_become_versions_that_everybody_can_ask(
    services: dict[str, str], tmp_path: Path, spark: SparkOnDemand, services_environment: dict[str, str], kind: str
) -> None:
    lab = TypedLab(services, tmp_path, k=f"{{kind: {kind}, k: 3, seed: 7, max_iter: 10}}")
    ids = typed_rows(10_400, 2)
    ids = ids.set_column(0, "carrier", pa.array([f"id-{n}" for n in range(ids.num_rows)]))
    lab.land(typed_rows(900, 1), ids, typed_rows(900, 3, [*HOSTILE[:2], "new", *HOSTILE[3:]]))
    code, said = lab.train()
    assert code == 0, said
    assert lab.states() == [(1, "ready"), (2, "failed"), (3, "ready")], said
    assert "'carrier' as category has 10,400 distinct values" in lab.versions()[2].tags["reason"]
    manifest, by_id, _ = lab.results(3)
    types = dict(zip(manifest.features, manifest.types, strict=True))
    assert types == dict(lab.stream.inputs) and by_id.num_rows == 900
    arrow = {"double": pa.float64(), "long": pa.int64(), "string": pa.string(), "boolean": pa.bool_()}
    arrow["datetime"] = pa.timestamp("us", tz="UTC")
    assert {name: by_id.schema.field(name).type for name in types} == {
        name: arrow[each] for name, each in types.items()
    }
    numbers = NUMBERS[kind].from_json(lab.artifact(3, SCORING_FILE))
    encoded = Cells.of_table(numbers.encoding, by_id).encoded(numbers.encoding)
    clusters, distances = numbers.assigner().assign(encoded)
    assert np.array_equal(clusters, by_id["_cluster"].to_numpy())
    assert np.array_equal(distances, by_id["_distance"].to_numpy())
    _statistics_are_those_of_the_rows(lab, by_id)
    # Labels go on though the values of a category are others, and the new one is a figure.
    first = NUMBERS[kind].from_json(lab.artifact(1, SCORING_FILE))
    lineage = lineage_from_json(lab.artifact(3, LINEAGE_FILE), "")
    assert first.features != numbers.features and lineage.predecessor == 1
    assert set(first.labels) & set(numbers.labels)
    metrics = {metric["key"]: metric["value"] for metric in lab.runs()[-1]["data"]["metrics"]}
    assert metrics["drift/other_share/carrier"] > 0.1 and metrics["drift/psi/carrier"] > 0.25
    assert metrics["drift/psi/dep.hour"] < 0.25 and 0 < metrics["missing_share/dep"] < 0.2
    assert "drift/adjusted_rand_index" in metrics and "ref/silhouette" in metrics
    signature = yaml.safe_load(lab.artifact(3, "MLmodel"))["signature"]
    assert {each["name"]: each["type"] for each in json.loads(signature["inputs"])} == types
    asked = subprocess.run(
        [sys.executable, "-c", PYFUNC, f"models:/{lab.name}/3"], cwd=tmp_path,
        env={**services, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    rows = [numbers.encoding.row([row[name] for name in types]) for row in ROWS]
    expected = [numbers.assigner().assign_row(row)[:2] for row in rows]
    assert json.loads(asked.stdout) == [[c, pytest.approx(d, rel=1e-12)] for c, d in expected]
    _spark_says_the_same(lab, spark, tmp_path, by_id)


def _statistics_are_those_of_the_rows(lab: Lab, rows: pa.Table) -> None:
    for each in statistics_from_json(lab.artifact(3, STATISTICS_FILE), "3"):
        mine = rows.filter(pa.compute.equal(rows["_cluster"], each.cluster))
        carriers = each.categories["carrier"]
        assert sum(carriers.values.values()) + carriers.other + carriers.missing / each.size == pytest.approx(1)
        assert carriers.missing == mine["carrier"].null_count
        for value, share in carriers.values.items():
            count = pa.compute.sum(pa.compute.equal(mine["carrier"], value)).as_py() or 0
            assert share * each.size == pytest.approx(count)
        hours = each.times["dep.hour"]
        assert len(hours.shares) == 24 and hours.missing == mine["dep"].null_count
        assert hours.mean is None or 0 <= hours.mean < 24


def _spark_says_the_same(lab: Lab, spark: SparkOnDemand, directory: Path, rows: pa.Table) -> None:
    import mlflow.spark

    session = spark.session()
    session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        uri = f"models:/{lab.name}/3"
        model = mlflow.spark.load_model(uri, dfs_tmpdir=str(directory / "dfs"), dst_path=str(directory))
        given = rows.select([*lab.stream.inputs, "_cluster"]).rename_columns([*lab.stream.inputs, "expected"])
        answers = model.transform(session.createDataFrame(given)).select("expected", "_cluster").toArrow()
    finally:
        session.conf.set("spark.sql.session.timeZone", "UTC")
    assert answers["expected"].equals(answers["_cluster"]) and answers.num_rows == 900
