"""Few features and many are added up in two ways, to the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.train.kinds.clusters.evaluate import cluster_rows
from pipeline.train.read import aggregate
from pipeline.train.read.rows import FeatureRange, measure
from pipeline.train.read.spark_session import SparkOnDemand
from scoring.features import Encoding
from tests.integration.train.test_parity import awkward, stream, table


def test_by_column_and_by_position_give_the_same_numbers(spark: SparkOnDemand, monkeypatch: pytest.MonkeyPatch) -> None:
    given = stream(3, 3)
    rows = spark.session().createDataFrame(table(awkward(np.random.default_rng(1), 300, 3))).coalesce(1).cache()
    # The cluster with number 1 has no row.
    assigned = rows.selectExpr("*", "int(_offset % 2 * 2) AS _cluster", "sqrt(double(_offset)) AS _distance")
    found = []
    for wide in (3, 2):
        monkeypatch.setattr(aggregate, "WIDE", wide)
        found.append(
            (
                measure(rows, given),
                cluster_rows(assigned, Encoding.plain(tuple(given.inputs)), 3),
                measure(rows.limit(0), given),
            )
        )
    assert found[0] == found[1]
    (count, ranges), clusters, (none, empty) = found[0]
    assert count == 300 and 0 < ranges["f0"].present < 300 and [each.size for each in clusters] == [150, 0, 150]
    assert none == 0 and set(empty.values()) == {FeatureRange(0, None, None)}
