"""`SPARK_MASTER`: the same job on a real standalone master with two workers, and the same numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.model_version import SCORING_FILE
from scoring.kmeans import Scoring
from tests.integration.train.conftest import Lab, batch
from tests.integration.train.spark_cluster import WORKERS, spark_cluster

pytestmark = pytest.mark.long


def test_a_cluster_trains_the_versions_that_one_machine_trains(lab: Lab, tmp_path: Path) -> None:
    rows = [batch(3000, 1), batch(2000, 2)]
    here = replace(lab, name=f"{lab.name}-here")
    for one in (lab, here):
        one.land(*rows)
    with spark_cluster() as cluster:
        code, said = lab.train(SPARK_MASTER=cluster.master, SPARK_LOCAL_IP="127.0.0.1")
        assert code == 0, said + cluster.log()
        # The job was the cluster's: each worker started an executor for it.
        assert cluster.log().count("Asked to launch executor") == WORKERS, cluster.log()
    assert here.train()[0] == 0
    assert lab.states() == here.states() == [(1, "ready"), (2, "ready")]
    for number in (1, 2):
        mine, theirs = (Scoring.from_json(one.artifact(number, SCORING_FILE)) for one in (lab, here))
        assert np.allclose(mine.centers, theirs.centers, rtol=1e-9) and mine.mean == pytest.approx(theirs.mean)
        assert lab.results(number)[0].rows == here.results(number)[0].rows == rows[number - 1].num_rows
        assert json.loads(lab.artifact(number, "swathe/golden.json"))
    # But for the empty object that stands for the folder itself.
    assert [entry for entry in lab.store.list_objects("_spark/") if entry.bytes] == []
