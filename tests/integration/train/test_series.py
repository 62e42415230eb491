"""A series of three batches, the second of which cannot be trained, made once and looked at from all sides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from contract.lineage import lineage_from_json
from contract.model_version import (
    GOLDEN_FILE,
    LINEAGE_FILE,
    RESULTS_ROW_GROUP_ROWS,
    SCORING_FILE,
    STATISTICS_FILE,
    statistics_from_json,
)
from pipeline.train.publish import describe
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.golden import Golden
from scoring.kmeans import Assigner, Scoring
from tests.integration.train.conftest import Lab, batch

# More rows than a row group of results may have.
BIG = 24_000


def constant(rows: pa.Table) -> pa.Table:
    """Return ``rows`` with one feature that never changes."""
    return rows.set_column(3, "count", pa.array([4] * rows.num_rows, pa.int32()))


@pytest.fixture(scope="module")
def trained(make_lab: Callable[..., Lab]) -> Lab:
    lab = make_lab()
    lab.land(batch(1200, 1), constant(batch(300, 2)), batch(BIG, 3))
    code, said = lab.train()
    assert code == 0, said
    return lab


def runs_of(trained: Lab) -> list[dict[str, Any]]:
    """Return the runs of the series, oldest first; the stream's other series is in the same experiment."""
    tagged = [(run, {tag["key"]: tag["value"] for tag in run["data"]["tags"]}) for run in trained.runs()]
    return [run for run, tags in tagged if tags["swathe.model"] == trained.name]


def test_version_i_is_batch_i_and_a_failed_batch_takes_its_number(trained: Lab) -> None:
    versions = trained.versions()
    assert trained.states() == [(1, "ready"), (2, "failed"), (3, "ready")]
    assert [versions[n].tags["batch"] for n in (1, 2, 3)] == ["1", "2", "3"]
    assert [versions[n].tags["rows"] for n in (1, 2, 3)] == ["1200", "300", str(BIG)]
    assert versions[2].tags["reason"] == "feature 'count' is constant: every value is 4"
    assert "results" not in versions[2].tags
    assert [run["info"]["status"] for run in runs_of(trained)] == ["FINISHED", "FAILED", "FINISHED"]


def test_a_second_run_does_nothing_and_starts_no_spark(trained: Lab) -> None:
    runs = len(runs_of(trained))
    # Jars that are not there: any start of Spark would fail.
    code, said = trained.train(SWATHE_SPARK_JARS="/nowhere/none.jar")
    assert (code, len(runs_of(trained))) == (0, runs), said
    assert "nothing to do, 3 batches have their versions" in said


def test_changed_parameters_leave_versions_alone_and_name_the_way(trained: Lab, make_lab: Callable[..., Lab]) -> None:
    other = Lab(trained.services, make_lab().directory, k="{k: 4, seed: 7}", name=trained.name)
    code, said = other.train()
    assert code == 0 and said.count("left alone") == 3, said
    code, said = other.train("--batch", "3")
    assert code == 1 and f"-P model={trained.name}-2" in said, said


def test_results_are_all_rows_sorted_both_ways(trained: Lab) -> None:
    manifest, by_id, by_cluster = trained.results(3)
    assert (manifest.rows, by_id.num_rows, by_cluster.num_rows) == (BIG, BIG, BIG)
    assert by_id.column_names == ["_row_id", "_partition", "_offset", "_cluster", "_distance", *trained.stream.inputs]
    ids = [tuple(row.values()) for row in by_id.select(["_row_id", "_partition", "_offset"]).to_pylist()]
    assert ids == sorted(ids) and len({row[1:] for row in ids}) == BIG
    by = [tuple(r.values()) for r in by_cluster.select(["_cluster", "_row_id", "_partition", "_offset"]).to_pylist()]
    assert by == sorted(by) and sorted(row[1:] for row in by) == ids
    assert (manifest.by_id[0].first, manifest.by_id[-1].last) == (ids[0], ids[-1])
    groups = [trained.row_groups(file.key) for file in (*manifest.by_id, *manifest.by_cluster)]
    assert all(len(sizes) > 1 and max(sizes) <= RESULTS_ROW_GROUP_ROWS for sizes in groups)
    assert "r00002-2013-01-01T00:00:01Z" in by_id["_row_id"].to_pylist()
    assert "r00001-2013-01-01T00:00:00.500000Z" in by_id["_row_id"].to_pylist()


def test_results_and_statistics_are_what_the_numbers_without_spark_say(trained: Lab) -> None:
    scoring = Scoring.from_json(trained.artifact(3, SCORING_FILE))
    _, rows, _ = trained.results(3)
    values = np.column_stack([rows[name].to_numpy() for name in scoring.features])
    assert np.isnan(values).any()
    clusters, distances = Assigner(scoring).assign(values)
    assert np.array_equal(clusters, rows["_cluster"].to_numpy())
    assert np.array_equal(distances, rows["_distance"].to_numpy())
    for statistics in statistics_from_json(trained.artifact(3, STATISTICS_FILE), "3"):
        mine = rows.filter(pc.equal(rows["_cluster"], statistics.cluster))
        assert statistics.size == mine.num_rows
        for name, feature in statistics.features.items():
            assert feature.missing == mine[name].null_count
            assert feature.mean == pytest.approx(pc.mean(mine[name]).as_py())
            assert feature.std == pytest.approx(pc.stddev(mine[name], ddof=1).as_py())
            assert (feature.min, feature.max) == (pc.min(mine[name]).as_py(), pc.max(mine[name]).as_py())


def test_the_stored_spark_model_gives_each_row_the_same_cluster(
    trained: Lab, spark: SparkOnDemand, tmp_path: Path, services_environment: dict[str, str]
) -> None:
    import mlflow
    import mlflow.spark

    session = spark.session()
    model = mlflow.spark.load_model(
        f"models:/{trained.name}/3", dfs_tmpdir=str(tmp_path / "dfs"), dst_path=str(tmp_path)
    )
    scoring = Scoring.from_json(trained.artifact(3, SCORING_FILE))
    golden = Golden.from_json(trained.artifact(3, GOLDEN_FILE))
    _, rows, _ = trained.results(3)
    given = rows.select([*scoring.features, "_cluster"]).rename_columns([*scoring.features, "expected"])
    answers = model.transform(session.createDataFrame(given)).select("expected", "_cluster").toArrow()
    assert answers["expected"].equals(answers["_cluster"]) and answers.num_rows == BIG
    hard = pa.table({name: pa.array(golden.rows[:, j], from_pandas=True) for j, name in enumerate(scoring.features)})
    said = (
        model.transform(session.createDataFrame(hard).coalesce(1)).select("_cluster").toArrow()["_cluster"].to_numpy()
    )
    assert np.array_equal(said, golden.clusters) and len(said) > 100


PYFUNC = """
import sys, mlflow, pandas as pd
frame = pd.DataFrame({"weight": [0.5, None, -9.0], "count": [12.0, 88.0, 50.0], "distance": [4.0, -5.0, None]})
for version in sys.argv[2:]:
    answers = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}/{version}").predict(frame)
    assert list(answers.columns) == ["cluster", "label", "distance"], answers
    print(answers.to_json(double_precision=15, orient="values"))
# MLflow may import the package to look at the types it is given; a JVM is what must not be there.
spark = sys.modules.get("pyspark")
assert spark is None or spark.SparkContext._gateway is None
"""


def test_versions_load_without_spark_and_use_their_own_numbers(trained: Lab, tmp_path: Path) -> None:
    """Both in one process, from a directory where this project is not to be found."""
    answered = subprocess.run(
        [sys.executable, "-c", PYFUNC, trained.name, "1", "3"],
        cwd=tmp_path,
        env={**trained.services, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    rows = np.array([[0.5, 12, 4], [np.nan, 88, -5], [-9, 50, np.nan]])
    for number, line in zip((1, 3), answered.stdout.splitlines(), strict=True):
        scoring = Scoring.from_json(trained.artifact(number, SCORING_FILE))
        clusters, distances = Assigner(scoring).assign(rows)
        expected = [[int(c), scoring.labels[c], d] for c, d in zip(clusters, distances, strict=True)]
        got = [[c, label, pytest.approx(d, rel=1e-12)] for c, label, d in json.loads(line)]
        assert expected == got


def test_runs_carry_the_same_keys_and_the_batch_as_dataset(trained: Lab) -> None:
    runs = [run for run in runs_of(trained) if run["info"]["status"] == "FINISHED"]
    keys = [{metric["key"] for metric in run["data"]["metrics"]} for run in runs]
    assert {"silhouette", "wssse", "davies_bouldin", "calinski_harabasz", "rows", "ref/silhouette"} <= keys[0]
    # The first of a series has none before it to be compared with.
    assert {key.split("/")[0] for key in keys[1] ^ keys[0]} == {"preq", "drift", "identity"} and keys[0] < keys[1]
    params = [{param["key"]: param["value"] for param in run["data"]["params"]} for run in runs]
    # MLflow's page of compared runs plots what differs between them.
    assert {key for key in params[0] if params[0][key] != params[1][key]} == {"batch", "rows"}
    assert (params[0]["k"], params[1]["batch"], params[1]["rows"]) == ("3", "3", str(BIG))
    datasets = [run["inputs"]["dataset_inputs"][0]["dataset"] for run in runs]
    assert [d["name"] for d in datasets] == [f"{trained.name}-1", f"{trained.name}-3"]
    assert len({d["digest"] for d in datasets}) == 2
    assert json.loads(datasets[1]["profile"])["rows"] == BIG
    assert all(len(run["outputs"]["model_outputs"]) == 1 for run in runs)


def test_a_run_that_has_ended_says_what_it_made_or_why_not_and_nothing_of_the_machinery(trained: Lab) -> None:
    tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in runs_of(trained)]
    assert all("swathe.owner" not in each for each in tags)
    assert tags[0]["mlflow.note.content"].startswith("Batch 1 of stream")
    assert "**Failed**: feature 'count' is constant" in tags[1]["mlflow.note.content"]


def test_a_version_has_the_tags_that_it_is_found_by_and_the_rest_in_its_artifact(trained: Lab) -> None:
    versions = trained.versions()
    assert set(versions[3].tags) == {
        *(
            "stream",
            "scheme",
            "kind",
            "batch",
            "train_key",
            "rows",
            "results",
            "gate",
            "gate_reason",
            "state",
            "aliased",
        )
    }
    assert versions[2].tags["offsets"] == '{"0": [600, 750], "1": [600, 750]}'
    facts = trained.facts(3)
    assert (facts.offsets, facts.rejected) == ({0: (750, 750 + BIG // 2), 1: (750, 750 + BIG // 2)}, 0)
    assert facts.event_window == f"2013-01-01T00:00:00.000Z/2013-01-01T{(BIG - 1) // 7200:02d}:19:59.500Z"
    metrics = {metric["key"]: metric["value"] for metric in runs_of(trained)[-1]["data"]["metrics"]}
    assert (facts.silhouette, facts.ref_silhouette) == (metrics["silhouette"], metrics["ref/silhouette"])
    # All but the machine's; the run leaves out what would be an empty chart.
    logged = {name: value for name, value in metrics.items() if not name.startswith("seconds/")}
    assert describe.charted(facts.metrics) == logged and facts.metrics["identity/vanished"] == 0.0


def test_labels_follow_the_clusters_and_not_their_numbers(trained: Lab) -> None:
    """Batches 1 and 3 are drawn from the same three centres; the sizes, by which a first version is named, differ."""
    known = np.array([[0.0, 10, 5], [8.0, 90, -5], [-9.0, 50, 40]])
    named = []
    for number in (1, 3):
        scoring = Scoring.from_json(trained.artifact(number, SCORING_FILE))
        named.append([scoring.labels[cluster] for cluster in Assigner(scoring).assign(known)[0]])
        statistics = statistics_from_json(trained.artifact(number, STATISTICS_FILE), "")
        assert tuple(cluster.label for cluster in statistics) == scoring.labels
    assert named[0] == named[1] and sorted(named[0]) == ["C1", "C2", "C3"]
    lineage = lineage_from_json(trained.artifact(3, LINEAGE_FILE), "")
    assert (lineage.predecessor, lineage.retired, lineage.next_label) == (1, (), 4)
    assert [(each.kind, each.before, each.after) for each in lineage.transitions] == [
        ("survived", (label,), (label,)) for label in Scoring.from_json(trained.artifact(1, SCORING_FILE)).labels
    ]


def test_a_version_is_measured_against_the_one_before(trained: Lab) -> None:
    first, third = trained.facts(1), trained.facts(3)
    assert first.drift is None and third.drift == "stable", third
    assert third.drift_reason is not None
    assert third.drift_reason.startswith("Against version 1, features stayed stable")
    assert first.reference == third.reference
    metrics = {metric["key"]: metric["value"] for metric in runs_of(trained)[-1]["data"]["metrics"]}
    # The same three clusters: what the first version knew is as good on rows that it had not seen.
    assert metrics["preq/silhouette"] == pytest.approx(metrics["ref/silhouette"], abs=0.02)
    assert metrics["preq/wssse_per_row"] == pytest.approx(metrics["ref/wssse_per_row"], rel=0.1)
    assert metrics["drift/adjusted_rand_index"] == 1.0 and metrics["identity/survived"] == 3
    assert metrics["drift/centroid_shift_max"] < 0.1


def test_pictures_have_the_batch_as_step_and_the_same_keys(trained: Lab) -> None:
    runs = [run for run in runs_of(trained) if run["info"]["status"] == "FINISHED"]
    pictures = [trained.pictures(run["info"]["run_id"]) for run in runs]
    keys = {"clusters/profile", "clusters/sizes", "clusters/pca"}
    assert set(pictures[0]) == {(key, step) for key in keys for step in (0, 1)}
    assert set(pictures[1]) == {(key, step) for key in keys | {"clusters/fate"} for step in (0, 3)}
    assert all(np.asarray(image).std() > 10 for image in pictures[1].values())
    table = json.loads(trained.run_artifact(runs[1]["info"]["run_id"], "transitions.json"))
    assert table["columns"] == ["transition", "before", "after", "share"] and len(table["data"]) == 3


def test_the_logged_model_has_the_metrics_and_the_rows_they_were_measured_on(trained: Lab) -> None:
    source = trained.versions()[3].source.removeprefix("models:/")
    model = trained.get(f"logged-models/{source}")["model"]
    assert model["info"]["name"] == f"{trained.name}-v3"
    metrics = {metric["key"]: metric for metric in model["data"]["metrics"]}
    run = runs_of(trained)[-1]
    assert {metric["key"] for metric in run["data"]["metrics"]} == metrics.keys()
    dataset = run["inputs"]["dataset_inputs"][0]["dataset"]
    assert metrics["silhouette"]["dataset_digest"] == dataset["digest"]


def test_the_newest_that_passed_is_champion(trained: Lab) -> None:
    with trained.registry() as registry:
        assert registry.aliases() == {"champion": 3, "previous": 1}
    versions = trained.versions()
    assert [versions[n].tags.get("gate") for n in (1, 2, 3)] == ["champion", None, "champion"]
    assert versions[3].tags["gate_reason"] == "passed every check, beside champion version 1"
    assert [versions[n].tags.get("aliased") for n in (1, 2, 3)] == ["true", None, "true"]


def test_cumulative_trains_one_to_i_into_a_model_of_its_own(trained: Lab) -> None:
    code, said = trained.train("--scheme", "cumulative")
    assert code == 0, said
    model = f"{trained.name}-cumulative"
    versions = trained.versions(model)
    assert trained.states(model) == [(1, "ready"), (2, "ready"), (3, "ready")]
    assert [versions[n].tags["rows"] for n in (1, 2, 3)] == ["1200", "1500", str(1500 + BIG)]
    facts = trained.facts(3, model)
    # Compared on the rows of batch 3 alone, which version 2 has not seen.
    assert str(facts.drift_reason).startswith("Against version 2") and "gate" in versions[3].tags
    assert facts.offsets == {0: (0, 750 + BIG // 2), 1: (0, 750 + BIG // 2)}
    manifest, by_id, _ = trained.results(3, model)
    assert by_id.num_rows == manifest.rows == 1500 + BIG
    assert trained.states() == [(1, "ready"), (2, "failed"), (3, "ready")]
