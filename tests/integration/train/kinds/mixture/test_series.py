"""A series of mixtures: what each version carries, a batch of too few points, and the ones after it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contract.model_version import GOLDEN_FILE, GOLDEN_PROBABILITIES_FILE, STATISTICS_FILE
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.golden import Golden
from scoring.likely import disagreements, with_probabilities
from scoring.mixture import MixtureScoring
from serving.kinds.mixture.kind import KIND
from tests.integration.train.conftest import Lab, batch

PYFUNC = """
import json, pathlib, sys, mlflow, pandas as pd
frame = pd.DataFrame(**json.loads(pathlib.Path(sys.argv[2]).read_text()), dtype=float)
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}/3")
answers = model.predict(frame)
assert list(answers.columns) == model.metadata.signature.outputs.input_names(), answers.columns
print(answers.to_json(double_precision=15, orient="values"))
"""


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_batch_that_makes_no_mixture_fails_and_the_others_are_versions(
    make_lab: Callable[..., Lab], spark: SparkOnDemand, tmp_path: Path, services_environment: dict[str, str]
) -> None:
    import mlflow.spark

    lab = make_lab(k="{kind: gaussian-mixture, k: 3, max_iter: 8, seed: 7}")
    few = pa.concat_tables([batch(400, 1).drop_null().slice(0, 2)] * 100)
    lab.land(few, batch(400, 2), batch(400, 3))
    code, said = lab.train()
    assert code == 0, said
    assert lab.states() == [(1, "failed"), (2, "ready"), (3, "ready")]
    assert "2 distinct points are fewer than the 3 clusters asked for" in lab.versions()[1].tags["reason"]
    assert all(version.tags["kind"] == "gaussian-mixture" for version in lab.versions().values())

    run = lab.runs()[2]
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert (params["k"], params["tol"], params["max_iter"]) == ("3", "0.01", "8")
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert 1 / 3 < metrics["mean_probability"] <= 1 and 0 <= metrics["probability_entropy"] < 1
    assert metrics["set_apart"] < 40 and abs(metrics["log_likelihood_per_row"]) < 10 and metrics["iterations"] <= 8
    of_clusterings = {"silhouette", "wssse", "davies_bouldin", "drift/psi_max", "ref/silhouette", "preq/silhouette"}
    assert of_clusterings <= metrics.keys()
    drawn = {key for key, _ in lab.pictures(run["info"]["run_id"])}
    assert {"clusters/profile", "clusters/sizes", "clusters/pca", "clusters/fate"} <= drawn

    scoring = MixtureScoring.from_json(lab.artifact(3))
    golden = with_probabilities(
        Golden.from_json(lab.artifact(3, GOLDEN_FILE)), lab.artifact(3, GOLDEN_PROBABILITIES_FILE)
    )
    assert not disagreements(golden, scoring.assigner())
    assert golden.probabilities is not None and (golden.probabilities == 1 / 3).all(axis=1).sum() >= 2
    earlier, labels = (json.loads(lab.artifact(number, "swathe/lineage.json"))["labels"] for number in (2, 3))
    assert set(earlier) & set(labels) and list(scoring.labels) == labels

    manifest, rows, _ = lab.results(3)
    assert manifest.rows == rows.num_rows == 400 and not [name for name in rows.column_names if "probabil" in name]
    values = np.column_stack([rows[name].to_numpy() for name in scoring.features])
    clusters, distances, probabilities = scoring.assigner().assign_likely(values)
    stored = rows["_cluster"].to_numpy()
    assert np.count_nonzero(clusters != stored) <= metrics["set_apart"]
    assert np.array_equal(distances[clusters == stored], rows["_distance"].to_numpy()[clusters == stored])
    sizes = [each["size"] for each in json.loads(lab.artifact(3, STATISTICS_FILE))["clusters"]]
    assert sizes == np.bincount(stored, minlength=3).tolist()

    # As serving reads it, and both of MLflow's ways to load it.
    served = KIND.load({file.name: lab.artifact(3, file.name) for file in KIND.files})
    assert served.assigner.scoring == scoring and served.outputs[-1]["shape"] == [-1, 3]
    frame = [[None if np.isnan(x) else x for x in row] for row in values.tolist()]
    (tmp_path / "rows.json").write_text(json.dumps({"columns": scoring.features, "data": frame}))
    answered = subprocess.run(
        [sys.executable, "-c", PYFUNC, lab.name, str(tmp_path / "rows.json")],
        cwd=tmp_path,
        env={**lab.services, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    told = json.loads(answered.stdout.splitlines()[-1])
    assert [row[0] for row in told] == clusters.tolist() and [row[1] for row in told] == [
        scoring.labels[cluster] for cluster in clusters
    ]
    assert np.array([row[3:] for row in told]) == pytest.approx(probabilities, abs=1e-14)
    session = spark.session()
    model = mlflow.spark.load_model(f"models:/{lab.name}/3", dfs_tmpdir=str(tmp_path / "dfs"), dst_path=str(tmp_path))
    given = rows.select([*scoring.features, "_cluster"]).rename_columns([*scoring.features, "expected"])
    answers = model.transform(session.createDataFrame(given)).toPandas()
    assert (answers["expected"] == answers["_cluster"]).all() and len(answers["_probabilities"][0]) == 3
