"""MovieLens' 100,000 ratings through `mlflow run`, explicit and implicit: every user, three batches, a champion."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from contract import remedies
from pipeline.replay.place import default_path
from pipeline.stream_file import load_stream
from scoring.als import AlsScorer
from tests.integration.train.conftest import Lab
from tests.integration.train.kinds.als.test_series import rests_on_its_ratings, saved
from tests.integration.train.published import shell
from tests.integration.train.ratings import RatingsLab, rated
from tests.services import ROOT

MOVIELENS = ROOT / "streams" / "movielens.yaml"


def ratings_of_people() -> pa.Table:
    """Return all of the file's ratings, with the names that the tests' streams have."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = shlex.split(remedies.install_source("recbole").strip("`"))
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=True)
    with default_path(load_stream(MOVIELENS), MOVIELENS).open() as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return rated([row[0] for row in rows], [int(row[1]) for row in rows], [float(row[2]) for row in rows])


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("form", "gate"), [("reg: 0.15", "held_out/rmse"), ("implicit: true, alpha: 10.0", "held_out/ndcg_at_10")]
)
def test_both_forms_are_what_spark_gives_every_user(
    services: dict[str, str], tmp_path: Path, form: str, gate: str
) -> None:
    lab = RatingsLab(services, tmp_path, k=form)
    everybody = ratings_of_people()
    assert everybody.num_rows == 100_000
    lab.land(*(everybody.slice(at, 33_334) for at in range(0, 100_000, 33_334)))
    code, said = shell(lab, f"mlflow run . --env-manager local -P stream={lab.file}", ROOT)
    assert code == 0, said
    assert lab.states(lab.model) == [(1, "ready"), (2, "ready"), (3, "ready")]
    with lab.registry(lab.model) as registry:
        assert registry.aliases()["champion"] == 3
    for number in (1, 2, 3):
        directory = tmp_path / str(number)
        directory.mkdir()
        rests_on_its_ratings(lab, number, range(1, number + 1), directory)
    metrics = lab.facts(3, lab.model).metrics
    assert gate in metrics and ("held_out/rmse" in metrics) == (gate == "held_out/rmse")
    known, _, _ = saved(lab, 3, tmp_path / "3")
    assert len(known.users) == 943 and len(known.items) > 1_600
    loads_both_ways(lab, AlsScorer(known))


# What a person types who has nothing of the project: raw columns in, ratings out.
LOADED = """
import json, sys
import mlflow, mlflow.pyfunc, mlflow.spark, pandas as pd

rows = pd.DataFrame({"who": ["1", "405", "nobody"], "what": [50, 1, 50]})
plain = mlflow.pyfunc.load_model(sys.argv[1]).predict(rows)["rating"].fillna(-1).tolist()
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
model = mlflow.spark.load_model(sys.argv[1])
said = model.transform(spark.createDataFrame(rows)).toPandas().set_index("who")["prediction"]
print(json.dumps([plain, said.reindex(rows["who"]).fillna(-1).astype(float).tolist()]))
"""


def loads_both_ways(lab: Lab, scorer: AlsScorer) -> None:
    """MLflow's two ways to load take raw columns, and give the same ratings."""
    known = scorer.recommender
    asked = [(known.users.find(user), known.items.find(item)) for user, item in (("1", "50"), ("405", "1"))]
    expected = [scorer.predict(user, item) for user, item in asked if user is not None and item is not None] + [-1.0]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, f"models:/{lab.stream.registered_model()}/3"],
        cwd=lab.directory, env=lab.environ, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [expected, expected]
