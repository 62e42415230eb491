"""A series of bisecting KMeans: fewer leaves than asked for, a batch that cannot be divided, and the ones after it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow as pa
import pytest

from contract.model_version import SCORING_FILE, STATISTICS_FILE
from tests.integration.train.conftest import Lab, batch


@pytest.mark.long
def test_a_batch_that_cannot_be_divided_fails_and_the_others_are_versions(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(k="{kind: bisecting-kmeans, k: 6, max_iter: 3, min_divisible: 50.0}")
    few = pa.concat_tables([batch(400, 1).slice(0, 8).drop_null().slice(0, 3)] * 100)
    lab.land(batch(400, 1), few, batch(40, 2), batch(400, 3))
    code, said = lab.train()
    assert code == 0, said
    assert lab.states() == [(1, "ready"), (2, "ready"), (3, "failed"), (4, "ready")]
    assert "cannot be divided: bisecting KMeans made one cluster of 40 rows" in lab.versions()[3].tags["reason"]
    assert "a number nearer to 1 as min_divisible, which is 50" in lab.description(3)
    assert "The tree ended with 3 of the 6 clusters asked for" in lab.description(2)
    assert all(version.tags["kind"] == "bisecting-kmeans" for version in lab.versions().values())
    params = {param["key"]: param["value"] for param in lab.runs()[1]["data"]["params"]}
    assert (params["k"], params["k_asked"], params["min_divisible"]) == ("3", "6", "50.0")
    tree = json.loads(lab.artifact(2, SCORING_FILE))
    assert len(tree["labels"]) == len(json.loads(lab.artifact(2, STATISTICS_FILE))["clusters"]) == 3
    # Labels go on over the failed batch, and the measures are those of numbers whose mean is not zero.
    assert set(json.loads(lab.artifact(4, "swathe/lineage.json"))["labels"]) & set(tree["labels"])
    metrics = {metric["key"]: metric["value"] for metric in lab.runs()[0]["data"]["metrics"]}
    assert metrics["calinski_harabasz"] > 0 and 0 < metrics["silhouette"] <= 1
