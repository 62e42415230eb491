"""Another clustering is its scoring file and how it is read: a tree, and one that is held to a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from contract.errors import ModelArtifactError
from contract.model_version import (
    GOLDEN_FILE,
    STATISTICS_FILE,
    ClusterStatistics,
    FeatureStatistics,
    statistics_to_json,
)
from scoring.bisecting import BisectingScoring
from scoring.golden import Golden
from serving.kinds.clusters.kind import ClusterKind
from serving.kinds.kind import ArtifactFile, Kind
from serving.kinds.prediction import PredictRequest

TREE = BisectingScoring(
    features=("x",),
    surrogates=(0.0,),
    mean=(0.0,),
    std=(1.0,),
    nodes=((0.0,), (-5.0,), (5.0,)),
    children=((1, 2), (), ()),
    labels=("C1", "C2"),
)
FILE = ArtifactFile("swathe/tree.json", 10_000)
ROWS = np.array([[-6.0], [4.0], [np.nan]])


def _files(shift: float = 0.0) -> dict[str, bytes]:
    clusters, distances = TREE.assigner().assign(ROWS)
    feature = {"x": FeatureStatistics(0.0, 1.0, -1.0, 1.0, 0)}
    statistics = [ClusterStatistics(i, label, 1, 0.5, TREE.centers[i], feature) for i, label in enumerate(TREE.labels)]
    return {
        FILE.name: TREE.to_json(),
        STATISTICS_FILE: statistics_to_json(statistics),
        GOLDEN_FILE: Golden(TREE.features, ROWS, clusters, distances + shift).to_json(),
    }


def _nearly(golden: Golden, assigner: Any) -> Sequence[int]:
    _, distances = assigner.assign(golden.rows)
    return [int(i) for i in np.flatnonzero(~np.isclose(distances, golden.distances, rtol=1e-9))]


def test_a_tree_is_loaded_described_and_answers() -> None:
    kind: Kind = ClusterKind("tree", "swathe_tree", FILE, BisectingScoring.from_json)
    assert [file.name for file in kind.files if not file.is_optional] == list(_files())
    served = kind.load(_files())
    assert served.features == ("x",) and served.described == {"clusters": 2} and served.example == {"x": 0.0}
    request = PredictRequest(b'{"instances": [[-6], [4]]}', served.predictor, b'"model":"m"}')
    predictor = served.predictor
    answer = predictor.encode(request, predictor.predict(request, predictor.decode(request)))
    assert answer.counts == (1, 1) and b'{"cluster":1,"label":"C2","distance":1.0}' in answer.body


def test_each_clustering_says_how_exactly_it_agrees_with_spark() -> None:
    exact = ClusterKind("tree", "swathe_tree", FILE, BisectingScoring.from_json)
    within = ClusterKind("tree", "swathe_tree", FILE, BisectingScoring.from_json, _nearly)
    for kind, shift in ((exact, 1e-12), (within, 1e-3)):
        with pytest.raises(ModelArtifactError, match="3 of 3 golden rows"):
            kind.load(_files(shift))
    assert within.load(_files(1e-12)).features == ("x",)


def test_a_scoring_file_that_is_none_is_told_by_its_name() -> None:
    kind = ClusterKind("tree", "swathe_tree", FILE, BisectingScoring.from_json)
    with pytest.raises(ModelArtifactError, match=r"swathe/tree\.json: "):
        kind.load({**_files(), FILE.name: b"{}"})
