"""Another clustering is its scoring file and how it is read: a tree, and one that is held to a tolerance."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from contract.errors import ModelArtifactError
from contract.model_version import (
    GOLDEN_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    ClusterStatistics,
    FeatureStatistics,
    statistics_to_json,
)
from scoring.bisecting import BisectingScoring
from scoring.golden import Golden
from serving.kinds.bisecting.kind import KIND, read_scoring
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.clusters.kind import ClusterKind
from serving.kinds.clusters.page.profiles import profile
from serving.kinds.kind import ArtifactFile, ArtifactFiles, Kind
from serving.kinds.prediction import PredictRequest
from tests.unit.serving.served_numbers import version

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
    served = kind.load(ArtifactFiles(_files()))
    assert served.inputs == {"x": "double"} and served.described == {"clusters": 2} and served.example == {"x": 0.0}
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
    assert within.load(_files(1e-12)).inputs == {"x": "double"}


def test_a_scoring_file_that_is_none_is_told_by_its_name() -> None:
    kind = ClusterKind("tree", "swathe_tree", FILE, BisectingScoring.from_json)
    with pytest.raises(ModelArtifactError, match=r"swathe/tree\.json: "):
        kind.load({**_files(), FILE.name: b"{}"})


def test_bisecting_kmeans_reads_its_tree_and_nothing_else() -> None:
    files = {SCORING_FILE if name == FILE.name else name: body for name, body in _files().items()}
    served = KIND.load(files)
    assert served.described == {"clusters": 2} and served.inputs == {"x": "double"}
    tree = json.loads(TREE.to_json())
    spoiled: list[dict[str, Any]] = [
        *({"more": 1}, {"format": 2}, {"std": []}, {"nodes": [[0.0]]}, {"nodes": [[0.0]] * 10_001}),
        *({"children": [places, [], []]} for places in ([1, 2, 3], [-1, 2], [1, 99], [2, 2])),
    ]
    for odd in spoiled:
        with pytest.raises(ModelArtifactError, match=r"swathe/scoring\.json: "):
            KIND.load({**files, SCORING_FILE: json.dumps({**tree, **odd}).encode()})


def test_the_largest_tree_that_a_stream_file_may_ask_for_is_read() -> None:
    leaves, width, rng = 1_000, 1_000, np.random.default_rng(1)
    children = tuple((2 * i + 1, 2 * i + 2) if 2 * i + 2 < 2 * leaves - 1 else () for i in range(2 * leaves - 1))
    nodes = tuple(map(tuple, rng.normal(size=(2 * leaves - 1, width)).tolist()))
    scale = (0.5,) * width
    names, labels = tuple(f"feature_{j}" for j in range(width)), tuple(f"C{i}" for i in range(leaves))
    largest = BisectingScoring(names, scale, scale, scale, nodes, children, labels)
    assert read_scoring(largest.to_json()) == largest


def test_a_profile_is_coloured_by_the_distance_from_the_batch_s_mean() -> None:
    """The scaler of bisecting KMeans puts the mean at 1, that of KMeans at 0: the page shows neither."""
    tree = dataclasses.replace(TREE, nodes=((1.0,), (0.0,), (2.0,)), mean=(5.0,), std=(5.0,))
    centroids = tuple((z * 5.0 + 5.0,) for (z,) in tree.centers)
    feature = {"x": FeatureStatistics(0.0, 1.0, -1.0, 1.0, 0)}
    clusters = tuple(ClusterStatistics(i, f"C{i + 1}", 1, 0.5, centroids[i], feature) for i in range(2))
    made = version(1)
    assert made.numbers is not None
    numbers = dataclasses.replace(made.numbers, served=Clustering(tree.assigner(), clusters, None))
    shown = profile(dataclasses.replace(made, numbers=numbers), {"C1": 0, "C2": 1})
    assert [[(cell.text, cell.title) for cell in row.cells] for row in shown.rows] == [
        [("5.0", "\N{MINUS SIGN}1.00 standard deviations from the mean")],
        [("15.0", "1.00 standard deviations from the mean")],
    ]
