"""Measures against scikit-learn's and scipy's, and against their definitions where those have none."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import (  # type: ignore[import-untyped]
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)

from pipeline.train.kinds.clusters import drift
from pipeline.train.kinds.clusters.evaluate import balance, calinski_harabasz, davies_bouldin
from pipeline.train.kinds.clusters.quality import quality, silhouette
from scoring.kmeans import Floats, Integers


def clustered(seed: int, rows: int = 300, k: int = 4) -> tuple[Floats, Integers, Floats]:
    """Return standardized points [n, d], clusters [n] and the clusters' means [k, d]."""
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, k, rows).astype(np.int32)
    points = rng.normal(size=(k, 3))[clusters] * 2 + rng.normal(size=(rows, 3))
    points = (points - points.mean(axis=0)) / points.std(axis=0, ddof=1)
    return points, clusters, np.array([points[clusters == i].mean(axis=0) for i in range(k)])


@pytest.mark.parametrize("seed", range(5))
def test_silhouette_is_the_one_of_squared_distances(seed: int) -> None:
    points, clusters, centers = clustered(seed)
    expected = silhouette_score(points, clusters, metric="sqeuclidean")
    assert silhouette(points, clusters) == pytest.approx(expected, abs=1e-12)
    assert quality(points, clusters, centers)["silhouette"] == pytest.approx(expected, abs=1e-12)


def test_silhouette_knows_a_lone_row_and_a_number_that_nobody_has() -> None:
    points = np.array([[0.0], [1.0], [10.0]])
    clusters = np.array([0, 0, 3], np.int32)
    assert silhouette(points, clusters) == pytest.approx(silhouette_score(points, [0, 0, 1], metric="sqeuclidean"))
    assert math.isnan(silhouette(points, np.zeros(3, np.int32)))


@pytest.mark.parametrize("seed", range(5))
def test_separation_is_scikit_learns(seed: int) -> None:
    points, clusters, centers = clustered(seed)
    sizes = np.bincount(clusters).tolist()
    apart = np.linalg.norm(points - centers[clusters], axis=1)
    wssse = float((apart**2).sum())
    spreads = [float(apart[clusters == i].mean()) for i in range(len(centers))]
    assert davies_bouldin(centers.tolist(), spreads) == pytest.approx(davies_bouldin_score(points, clusters))
    found = calinski_harabasz(centers.tolist(), sizes, wssse, points.mean(axis=0).tolist())
    assert found == pytest.approx(calinski_harabasz_score(points, clusters))
    assert quality(points, clusters, centers)["wssse_per_row"] == pytest.approx(wssse / len(points))
    assert balance(sizes) == pytest.approx(entropy(sizes) / math.log(len(sizes)))


@pytest.mark.parametrize("seed", range(5))
def test_the_adjusted_rand_index_is_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 5, 400).astype(np.int32)
    after = np.where(rng.random(400) < 0.3 * seed, rng.integers(0, 3, 400), before % 3).astype(np.int32)
    assert drift.adjusted_rand_index(before, after) == pytest.approx(adjusted_rand_score(before, after), abs=1e-12)
    assert drift.adjusted_rand_index(before, (before + 2) % 5) == 1.0


def test_psi_is_the_divergence_both_ways() -> None:
    expected, found = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
    assert drift.psi(expected, found) == pytest.approx(entropy(expected, found) + entropy(found, expected))
    assert drift.psi(expected, expected) == 0.0
    assert math.isfinite(drift.psi([1.0, 0.0], [0.0, 1.0]))


def test_features_are_compared_in_the_deciles_of_the_earlier_batch_missing_values_included() -> None:
    rng = np.random.default_rng(1)
    earlier, same = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 3))
    moved = same.copy()
    moved[:, 1] += 0.4
    moved[rng.random(20_000) < 0.2, 2] = np.nan
    profile = drift.Profile.from_json(drift.profile(("a", "b", "c"), earlier).to_json())
    assert [len(profile.features[name].shares) for name in "abc"] == [11, 11, 11]
    calm = drift.feature_psi(profile, ("a", "b", "c"), same)
    found = drift.feature_psi(profile, ("a", "b", "c"), moved)
    assert [drift.band(value) for value in calm.values()] == ["stable"] * 3
    assert [drift.band(value) for value in found.values()] == ["stable", "moderate", "large"]


def test_a_feature_that_has_few_values_has_fewer_bins() -> None:
    column = np.repeat([1.0, 2.0, 3.0], 100)[:, None]
    found = drift.profile(("a",), column).features["a"]
    assert found.edges == (1.0, 2.0, 3.0) and found.shares == pytest.approx((0, 1 / 3, 1 / 3, 1 / 3, 0))


def test_centres_are_matched_at_the_least_total_distance() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    apart = [np.linalg.norm(before[list(order)] - after, axis=1) for order in permutations(range(4))]
    best = min(apart, key=lambda distances: float(distances.sum()))
    assert drift.centroid_shift(before, after) == pytest.approx((best.mean(), best.max()))
    # One more cluster is matched with none.
    assert drift.centroid_shift(before, np.vstack([before[::-1], [[9.0, 9.0]]])) == (0.0, 0.0)


def test_another_file_is_no_profile() -> None:
    with pytest.raises(ValueError, match="not a profile file"):
        drift.Profile.from_json(b'{"features": {"a": {}}}')
