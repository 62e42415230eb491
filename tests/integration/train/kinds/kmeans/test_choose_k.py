"""`k: {from, to}`: three centres are found to be three, and the curve is in the run."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.train.conftest import Lab, batch


def test_the_k_of_the_rows_is_found_and_the_curve_is_logged(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(k="{k: {from: 2, to: 5, min_cluster_share: 0.05}, seed: 7, impute: median}")
    lab.land(batch(1200, 1).drop_null(), batch(2, 2), batch(1, 3))
    code, said = lab.train()
    assert code == 0, said
    # Two rows are two points, whatever the range; one is none that could be told apart.
    assert lab.states() == [(1, "ready"), (2, "ready"), (3, "failed")]
    run, second, _ = lab.runs()
    assert [param["value"] for param in second["data"]["params"] if param["key"] == "k"] == ["2"]
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert (params["k"], params["k_search"], params["impute_rank_error"]) == ("3", "2..5", "0.001")
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert metrics["converged"] == 1.0 and metrics["iterations"] < 20
    curves = {
        name: {int(point["step"]): point["value"] for point in lab.metric_history(run, f"k_search/{name}")}
        for name in ("silhouette", "wssse_per_row", "min_cluster_share")
    }
    assert all(sorted(curve) == [2, 3, 4, 5] for curve in curves.values())
    assert max(curves["silhouette"], key=curves["silhouette"].__getitem__) == 3
    assert curves["wssse_per_row"][2] > curves["wssse_per_row"][3] > curves["wssse_per_row"][5]
    assert ("clusters/k_curve", 1) in lab.pictures(run["info"]["run_id"])
    found = lab.get("model-versions/get", name=lab.name, version="1")["model_version"]
    assert "k = 3 has the highest silhouette of k = 2 to 5" in found["description"]
    assert "a median whose rank is exact to 0.1% of the values" in found["description"]
