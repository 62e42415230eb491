"""The arithmetic without Spark: few rows and many rows agree, and files give back every bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring.golden import Golden
from scoring.kmeans import Assigner, Floats, Scoring

NUMBER = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def scorings(draw: st.DrawFn) -> Scoring:
    """Any numbers that a version may have; centres may coincide, a scaler may be zero."""
    width, k = draw(st.integers(1, 5)), draw(st.integers(1, 7))

    def numbers(strategy: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(strategy, min_size=width, max_size=width)))

    return Scoring(
        features=tuple(f"f{j}" for j in range(width)),
        surrogates=numbers(NUMBER),
        mean=numbers(NUMBER),
        std=numbers(st.one_of(st.just(0.0), st.floats(1e-3, 1e3))),
        centers=tuple(numbers(st.one_of(NUMBER, st.sampled_from([0.0, 0.5, 1.0]))) for _ in range(k)),
        labels=tuple(f"C{i}" for i in range(k)),
    )


@st.composite
def scored(draw: st.DrawFn) -> tuple[Scoring, Floats]:
    scoring = draw(scorings())
    shape = (draw(st.integers(0, 12)), len(scoring.features))
    values = st.one_of(NUMBER, st.just(math.nan), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
    return scoring, draw(hnp.arrays(np.float64, shape, elements=values))


@given(scored())
def test_one_row_and_many_rows_take_the_same_way(pair: tuple[Scoring, Floats]) -> None:
    scoring, rows = pair
    assigner = Assigner(scoring)
    many = np.concatenate([rows, rows, rows, rows, rows])
    clusters, distances = assigner.assign(many)
    alone = [assigner.assign_row(row) for row in many.tolist()]
    assert [(int(c), float(d)) for c, d in zip(clusters, distances, strict=True)] == alone


@pytest.mark.parametrize("is_bounded", [True, False])
@given(scored())
def test_what_is_assigned_at_once_is_what_spark_s_walk_returns(is_bounded: bool, pair: tuple[Scoring, Floats]) -> None:
    """With shortcuts, and without them, as where centres are very many; huge rows have no finite distance from any."""
    scoring, rows = pair
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore", invalid="ignore"):
        if not is_bounded:
            patch.setattr("scoring.kmeans.MOST_BOUND", 1)
        patch.setattr("scoring.kmeans._AT_ONCE", 9)
        assigner = Assigner(scoring)
        walk = assigner._walk_bounded if is_bounded else assigner._walk_unbounded
        between = _midpoints(scoring)
        many = np.concatenate([rows, rows * 1e-9, rows * 1e200, rows + 1e-12, between, np.nextafter(between, 1e9)])
        clusters, distances = assigner._assign_many(assigner.scale(many))
        walked = [walk(assigner._scale.row(row)) for row in many.tolist()]
        assert [(int(c), float(d)) for c, d in zip(clusters, distances, strict=True)] == walked
        assert [assigner.assign_row(row) for row in many.tolist()] == walked


def _midpoints(scoring: Scoring) -> Floats:
    """Return rows that lie between two centres each, or on one."""
    centers = np.array(scoring.centers)
    scaled = (centers[:, None, :] + centers[None, :, :]).reshape(-1, centers.shape[1]) / 2
    rows: Floats = scaled * np.array(scoring.std) + np.array(scoring.mean)
    return rows


@given(scored())
def test_no_centre_is_much_nearer_than_the_one_chosen(pair: tuple[Scoring, Floats]) -> None:
    """The triangle-inequality shortcuts may keep a centre that is farther by rounding, never by more."""
    scoring, rows = pair
    assigner = Assigner(scoring)
    _, distances = assigner.assign(rows)
    points = assigner.scale(rows)
    nearest = np.linalg.norm(points[:, None, :] - np.array(scoring.centers)[None, :, :], axis=2).min(axis=1)
    scale = 1 + np.abs(points).max(initial=0) + max(abs(x) for center in scoring.centers for x in center)
    assert np.all(distances <= nearest + 1e-6 * scale)


@given(scored())
def test_files_give_back_every_bit(pair: tuple[Scoring, Floats]) -> None:
    scoring, rows = pair
    assert Scoring.from_json(scoring.to_json()) == scoring
    # A golden file without rows would prove nothing, and is refused.
    assume(len(rows))
    clusters, distances = Assigner(scoring).assign(rows)
    golden = Golden.from_json(Golden(scoring.features, rows, clusters, distances).to_json())
    assert np.array_equal(golden.rows, rows, equal_nan=True)
    assert np.array_equal(golden.clusters, clusters) and np.array_equal(golden.distances, distances)
    assert not golden.disagreements(Assigner(scoring))


@given(scored(), st.integers(0, 11))
def test_one_bit_is_a_disagreement(pair: tuple[Scoring, Floats], at: int) -> None:
    scoring, rows = pair
    clusters, distances = Assigner(scoring).assign(rows)
    if at < len(rows):
        distances[at] = np.nextafter(distances[at], np.inf)
        assert Golden(scoring.features, rows, clusters, distances).disagreements(Assigner(scoring)) == [at]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"format": 2}',
        b'{"format": 1, "features": ["a"], "rows": [[1]]}',
        b'{"format": 1, "features": ["a"], "rows": [], "clusters": [], "distances": []}',
    ],
)
def test_what_is_no_golden_file_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        Golden.from_json(body)
