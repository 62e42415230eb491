"""Pictures of very many features and clusters are drawn within seconds."""

from __future__ import annotations

import time

import numpy as np

from contract.lineage import Lineage, Transition
from pipeline.train.kinds.clusters.comparison import Change, Comparison
from pipeline.train.kinds.clusters.drift import Profile, profile
from pipeline.train.kinds.clusters.pictures import Drawn, draw
from pipeline.train.kinds.clusters.predecessor import Predecessor
from pipeline.train.kinds.clusters.reference import make_reference
from pipeline.train.series import MOST_FEATURES
from scoring.kmeans import Scoring

CLUSTERS, ROWS = 50, 5_000


def test_the_most_features_in_many_clusters_are_drawn_within_seconds() -> None:
    rng = np.random.default_rng(1)
    labels = tuple(f"C{i + 1}" for i in range(CLUSTERS))
    ones, centers = (1.0,) * MOST_FEATURES, rng.normal(size=(CLUSTERS, MOST_FEATURES))
    features = tuple(f"feature_{j}" for j in range(MOST_FEATURES))
    scoring = Scoring(features, ones, ones, ones, tuple(map(tuple, centers.tolist())), labels)
    clusters = rng.integers(0, CLUSTERS, ROWS).astype(np.int32)
    rows = centers[clusters] + rng.normal(size=(ROWS, MOST_FEATURES))
    lineage = Lineage(labels, (), CLUSTERS + 1, 1, tuple(Transition("survived", (x,), (x,), 1.0) for x in labels))
    shares = (1 / CLUSTERS,) * CLUSTERS
    earlier = Predecessor(1, scoring, lineage, profile(features, rows[:10]), shares)
    change = Change(earlier, rng.integers(0, 100, (CLUSTERS, CLUSTERS)), {}, "stable", "")
    comparison = Comparison(lineage, Profile({}), make_reference(scoring, rows), "", {}, change)
    begin = time.process_time()
    pictures = draw(Drawn("wide", scoring, rows, clusters, shares, comparison, None))
    # Of the processor, whatever else the machine does: 2, and 9 where all rows are decomposed.
    spent_s = time.process_time() - begin
    assert spent_s < 5
    assert set(pictures) == {"clusters/profile", "clusters/sizes", "clusters/pca", "clusters/fate"}
