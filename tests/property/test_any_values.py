"""Whatever finite numbers two batches hold, comparing their versions raises nothing and warns of nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from contract.kinds.clusters import Identity
from contract.version_facts import VersionFacts, facts_to_json
from pipeline.train.kinds.clusters import drift
from pipeline.train.kinds.clusters.assign import Sample
from pipeline.train.kinds.clusters.comparison import Comparer, Comparison
from pipeline.train.kinds.clusters.evaluate import balance, calinski_harabasz, davies_bouldin
from pipeline.train.kinds.clusters.hard_points import hard_points
from pipeline.train.kinds.clusters.pictures import Drawn, draw
from pipeline.train.kinds.clusters.predecessor import History, Predecessor
from pipeline.train.kinds.clusters.quality import silhouette
from scoring.kmeans import Assigner, Floats, Scoring
from tests.memory_store import MemoryStore

ANY = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0, 5e-324, 1e-310, 1e-161, 1e150, 1e300, 1.7976931348623157e308, -1.7976931348623157e308]),
)
SCALES = st.sampled_from([1e-310, 1e-160, 1e-150, 1e-9, 1.0, 1e9, 1e140, 1e152])


def rows_of(seed: int, count: int, scales: tuple[float, float], far: float) -> Floats:
    """Rows [n, 2] of two features, each around a size of its own; some values repeated, and one ``far`` as large."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 2))
    points[rng.random((count, 2)) < 0.3] = 1.0
    rows: Floats = points * np.array(scales)
    rows[count // 2, 0] *= far
    return rows


def batches() -> st.SearchStrategy[Floats]:
    far = st.sampled_from([1.0, 1e10, 1e150])
    return st.builds(rows_of, st.integers(0, 2**32 - 1), st.integers(5, 12), st.tuples(SCALES, SCALES), far)


class OnlyOne(History):
    """A history that holds one version."""

    def __init__(self, found: Predecessor | None) -> None:
        self._found = found

    def predecessor(self, number: int) -> Predecessor | None:
        return self._found


@np.errstate(all="ignore")
def trained(rows: Floats) -> Scoring | None:
    """Return a version of ``rows``, or None where they are refused before they are clustered."""
    mean, std = rows.mean(axis=0), rows.std(axis=0, ddof=1)
    if not np.isfinite([mean, std]).all() or (std == 0).any():
        return None
    scaled = (rows - mean) / std
    centers = tuple(tuple(point) for point in scaled[:3].tolist())
    return Scoring(("a", "b"), tuple(mean), tuple(mean), tuple(std), centers, ("C1", "C2", "C3"))


def sample(scoring: Scoring, rows: Floats) -> Sample:
    clusters, distances = Assigner(scoring).assign(rows)
    n = np.arange(len(rows))
    return Sample(rows, clusters, distances, n.astype(np.int32) * 0, n)


def compared(scoring: Scoring, rows: Floats, store: MemoryStore, before: Predecessor | None) -> Comparison:
    return Comparer(store, "m", OnlyOne(before), Identity()).compare(2, scoring, sample(scoring, rows))


def predecessor(scoring: Scoring, rows: Floats, first: Comparison) -> Predecessor:
    return Predecessor(1, scoring, first.lineage, drift.profile(scoring.features, rows), (0.5, 0.25, 0.25))


USUAL = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0], [4.0, 7.0]])


@given(batches(), batches())
@example(USUAL, USUAL * 1e150)
@example(USUAL * 1e-158, USUAL)
@example(np.repeat(USUAL[:3], 4, axis=0), USUAL)
def test_a_version_can_be_compared_with_any_other(earlier: Floats, later: Floats) -> None:
    one, other = trained(earlier), trained(later)
    assume(one is not None and other is not None)
    assert one is not None and other is not None
    store = MemoryStore()
    first = compared(one, earlier, store, None)
    second = compared(other, later, store, predecessor(one, earlier, first))
    assert second.change is not None and all(math.isfinite(value) for value in second.metrics.values())
    told = facts_to_json(second.told_in(VersionFacts({}, 0))).decode()
    assert "NaN" not in told and "Infinity" not in told
    for scoring, rows in ((one, earlier), (other, later)):
        points = hard_points(scoring, rows)
        _, distances = Assigner(scoring).assign(points)
        assert len(points) >= len(rows) and np.isfinite(distances).all()
        silhouette(Assigner(scoring).scale(rows), sample(scoring, rows).clusters)


@given(
    st.lists(st.lists(ANY, min_size=2, max_size=2), min_size=2, max_size=5),
    st.floats(0, 1e300),
    st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
)
@example([[0.0, 0.0], [0.0, 0.0]], 0.0, [1, 0, 0, 0, 0])
@example([[0.0, 0.0], [1.0, 0.0]], 5e-324, [20, 20, 20, 1, 0])
def test_measures_of_any_centres_are_numbers(centers: list[list[float]], spread: float, sizes: list[int]) -> None:
    own = sizes[: len(centers)]
    assume(sum(own) > 0)
    spreads = [spread] * len(centers)
    assert not math.isnan(balance(own))
    assert isinstance(calinski_harabasz(centers, own, spread), float)
    assert davies_bouldin(centers, spreads) >= 0 or spread == 0


@pytest.mark.parametrize("factor", [1e150, 1e-158])
def test_a_version_far_from_the_reference_is_drawn(factor: float) -> None:
    rng = np.random.default_rng(1)
    usual = rng.normal(size=(60, 2))
    one, other = trained(usual), trained(usual * factor)
    assert one is not None and other is not None
    store = MemoryStore()
    for mine, own, theirs, before in ((other, usual * factor, one, usual), (one, usual, other, usual * factor)):
        first = compared(theirs, before, store, None)
        second = compared(mine, own, store, predecessor(theirs, before, first))
        rows = sample(mine, own)
        pictures = draw(Drawn("m version 2", mine, own, rows.clusters, (0.5, 0.25, 0.25), second, None))
        assert all(picture.ndim == 3 for picture in pictures.values()) and "clusters/fate" in pictures
        store = MemoryStore()
