"""The file in which a version says of itself what was measured: which metrics, in which formats."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from contract.errors import ModelArtifactError
from contract.version_facts import (
    MOST_METRICS,
    MOST_OF_A_FAMILY,
    VersionFacts,
    facts_from_json,
    facts_to_json,
    told_metrics,
)

TOLD = VersionFacts({0: (0, 9)}, 0, silhouette=0.5, reference="r", ref_silhouette=0.4, ref_wssse_per_row=2.0)


def fields(**others: Any) -> dict[str, Any]:
    """The fields of a facts file, some of them others."""
    return {**json.loads(facts_to_json(TOLD)), **others}


def read(found: dict[str, Any]) -> VersionFacts:
    return facts_from_json(json.dumps(found).encode(), "version 3")


def test_metrics_of_any_name_are_there_again() -> None:
    metrics = told_metrics({"ndcg@10": 0.25, "converged": True, "rows": 7, "held out/rmse": 1e308, "Größe": -0.0})
    assert read(fields(metrics=metrics)).measured() == metrics
    assert list(metrics) == ["ndcg@10", "converged", "rows", "held out/rmse", "Größe"]


def test_a_file_of_before_there_were_metrics_says_what_it_has() -> None:
    old = {name: value for name, value in fields(format=1).items() if name != "metrics"}
    assert read(old) == TOLD and not TOLD.metrics
    assert read(old).measured() == {"silhouette": 0.5, "ref/silhouette": 0.4, "ref/wssse_per_row": 2.0}
    assert VersionFacts().measured() == {}


@pytest.mark.parametrize(
    "others",
    [
        {"format": 1},
        {"format": 3},
        {"metrics": {"": 1.0}},
        {"metrics": {"x" * 251: 1.0}},
        {"metrics": {"a": "1"}},
        {"metrics": {"a": None}},
        {"metrics": {"a": math.nan}},
        {"metrics": {f"m{i}": 1.0 for i in range(MOST_METRICS + 1)}},
        {"metrics": None},
    ],
)
def test_other_metrics_are_no_facts(others: dict[str, Any]) -> None:
    with pytest.raises(ModelArtifactError, match="version 3 is not a facts file"):
        read(fields(**others))


def test_of_three_hundred_features_the_version_s_own_metrics_stay() -> None:
    own = {"silhouette": 0.5, "ref/silhouette": 0.4, "drift/psi_max": 0.3, "drift/psi_clusters": 0.1}
    of_features = {f"{family}/f{i}": 0.1 for family in ("missing_share", "drift/psi") for i in range(300)}
    assert told_metrics(of_features | own) == own
    few = dict(list(of_features.items())[:MOST_OF_A_FAMILY])
    assert told_metrics(few | own) == few | own


def test_however_many_there_are_the_file_is_read_again() -> None:
    found = told_metrics({f"m{i}": float(i) for i in range(1000)} | {"x": math.inf})
    assert list(found) == [f"m{i}" for i in range(MOST_METRICS)]
    assert read(fields(metrics=found)).metrics == found
