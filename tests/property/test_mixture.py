"""Probabilities of a mixture without Spark: few rows and many rows agree, and files give back every bit."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scoring.arrays import Floats
from scoring.features import Encoding, Input
from scoring.forms import Category
from scoring.golden import Golden
from scoring.likely import compare, disagreements, probabilities_to_json, with_probabilities
from scoring.mixture import MixtureAssigner, MixtureScoring

NUMBER = st.floats(-1e3, 1e3, allow_subnormal=False)


@st.composite
def mixtures(draw: st.DrawFn) -> MixtureScoring:
    """Any mixture; a covariance is often short of rank."""
    width, k = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    weights = np.array(draw(st.lists(st.floats(0.01, 1), min_size=k, max_size=k)))
    spread = st.one_of(st.just(0.0), st.floats(0.1, 10))
    roots = [draw(hnp.arrays(np.float64, (width, width), elements=spread)) + np.eye(width)[:1] for _ in range(k)]
    covariances = [root.T @ root for root in roots]
    decomposed = [np.linalg.eigh(covariance) for covariance in covariances]

    def numbers(strategy: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(strategy, min_size=width, max_size=width)))

    def rows(values: Any) -> tuple[tuple[float, ...], ...]:
        return tuple(map(tuple, np.asarray(values).tolist()))

    return MixtureScoring(
        features=tuple(f"f{j}" for j in range(width)),
        surrogates=numbers(NUMBER),
        mean=numbers(NUMBER),
        std=numbers(st.one_of(st.just(0.0), st.floats(1e-1, 1e2))),
        weights=tuple((weights / weights.sum()).tolist()),
        means=tuple(numbers(st.floats(-5, 5)) for _ in range(k)),
        covariances=tuple(rows(covariance) for covariance in covariances),
        eigenvalues=rows([values for values, _ in decomposed]),
        eigenvectors=tuple(rows(vectors.T) for _, vectors in decomposed),
        labels=tuple(f"C{i}" for i in range(k)),
    )


@st.composite
def scored(draw: st.DrawFn) -> tuple[MixtureScoring, Floats]:
    scoring = draw(mixtures())
    values = st.one_of(NUMBER, st.just(math.nan))
    return scoring, draw(hnp.arrays(np.float64, (draw(st.integers(1, 9)), len(scoring.features)), elements=values))


@given(scored())
def test_one_row_and_many_rows_agree(pair: tuple[MixtureScoring, Floats]) -> None:
    scoring, rows = pair
    assigner = MixtureAssigner(scoring)
    clusters, distances, probabilities = many = assigner.assign_likely(np.concatenate([rows] * 3))
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(clusters, probabilities.argmax(axis=1))
    assert not compare(assigner, np.concatenate([rows] * 3), many).wrong.any()
    points, means = assigner.scale(rows), np.array(scoring.means)
    assert distances[: len(rows)] == pytest.approx(np.linalg.norm(points - means[clusters[: len(rows)]], axis=1))
    for i, within in enumerate(assigner.tolerance(rows)):
        alone = assigner.assign_likely(rows[i : i + 1])
        assert alone.probabilities[0] == pytest.approx(probabilities[i], rel=within, abs=0)
        assert assigner.assign_row(rows[i].tolist()) == (alone.clusters[0], alone.distances[0])
        assert alone.clusters[0] != clusters[i] or alone.distances[0] == distances[i]


@given(scored())
def test_rows_far_from_all_are_shared_by_all(pair: tuple[MixtureScoring, Floats]) -> None:
    scoring, rows = pair
    one = MixtureAssigner(dataclasses.replace(scoring, std=tuple(1.0 for _ in scoring.std)))
    k, far = len(scoring.weights), rows * 0 + np.array(scoring.mean) + 1e6
    if not np.isnan(far).any() and all(min(values) > 1e-6 for values in scoring.eigenvalues):
        clusters, _, probabilities = one.assign_likely(far)
        assert np.all(probabilities == 1 / k) and not clusters.any()


@given(mixtures())
def test_files_give_back_every_bit(scoring: MixtureScoring) -> None:
    assert MixtureScoring.from_json(scoring.to_json()) == scoring


GOOD = MixtureScoring(
    ("a",),
    (0.0,),
    (0.0,),
    (1.0,),
    (0.5, 0.5),
    ((0.0,), (1.0,)),
    (((1.0,),), ((2.0,),)),
    ((1.0,), (2.0,)),
    (((1.0,),), ((1.0,),)),
    ("C0", "C1"),
)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"std": ()}, "std has 0 numbers for 1 features"),
    ({"weights": ()}, "weights are one or more numbers"),
    ({"weights": (1.5, -0.5)}, "none below zero"),
    ({"weights": (0.5, math.nan)}, "NaN or infinite"),
    ({"means": ((0.0,),)}, r"means has the shape \(1, 1\), not \(2, 1\)"),
    ({"means": ((0.0,), (1.0, 2.0))}, "means has lists of several lengths"),
    ({"covariances": (((1.0,),), ((math.inf,),))}, "NaN or infinite"),
    ({"covariances": (((1.0, 2.0),), ((1.0, 2.0),))}, "covariances has the shape"),
    ({"eigenvalues": ((1.0, 1.0), (2.0, 1.0))}, "eigenvalues has the shape"),
    ({"eigenvectors": ((), ())}, "eigenvectors has the shape"),
    ({"labels": ("C0",)}, "1 labels for 2 weights"),
]


@pytest.mark.parametrize(("changed", "why"), WRONG)
def test_numbers_that_do_not_fit_are_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(GOOD, **changed)
    with pytest.raises(ValueError, match=why):
        MixtureScoring.from_json(json.dumps({**json.loads(GOOD.to_json()), **changed}).encode())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"format": 2}', GOOD.to_json().replace(b'"means"', b'"centers"')]
)
def test_what_is_no_scoring_file_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        MixtureScoring.from_json(body)


def test_typed_rows_have_a_file_of_the_next_format_and_weights() -> None:
    encoding = Encoding((Input("up", "boolean"),), (Category("up", "up", (True,)),))
    typed = dataclasses.replace(
        GOOD,
        features=encoding.names,
        surrogates=(0.0, 0.0),
        mean=(0.5, 0.5),
        std=(0.5, 0.5),
        means=((1.0, -1.0), (-1.0, 1.0)),
        covariances=(((1.0, 0.0), (0.0, 1.0)),) * 2,
        eigenvalues=((1.0, 1.0),) * 2,
        eigenvectors=(((1.0, 0.0), (0.0, 1.0)),) * 2,
        factors=(0.5, 2.0),
        typed=encoding,
    )
    assert json.loads(typed.to_json())["format"] == 2 and MixtureScoring.from_json(typed.to_json()) == typed
    rows = np.array([[True], [False], [None]], dtype=object)
    clusters, distances, probabilities = MixtureAssigner(typed).assign_likely(encoding.rows([*rows.T]))
    golden = Golden(("up",), rows, clusters, distances, ("boolean",), probabilities)
    assert list(clusters) == [0, 1, 1] and not disagreements(golden, MixtureAssigner(typed))
    assert disagreements(golden, MixtureAssigner(dataclasses.replace(typed, factors=(0.5, 1.0)))) == [0, 1, 2]


@given(mixtures())
def test_half_way_between_rivals_the_cluster_changes(scoring: MixtureScoring) -> None:
    width = len(scoring.features)
    assigner = MixtureAssigner(dataclasses.replace(scoring, mean=(0.0,) * width, std=(1.0,) * width))
    for one, other in map(np.array, scoring.rivals()):
        border, step = (one + other) / 2, (other - one) / 2
        around = np.array([0, *(side * 10.0**power for side in (-1, 1) for power in (-15, -12, -9))])
        assert len(set(assigner.assign(border + around[:, None] * step)[0])) > 1


def _golden(assigner: MixtureAssigner, rows: Floats) -> Golden:
    found = assigner.assign_likely(rows)
    return Golden(assigner.scoring.features, rows, found.clusters, found.distances, probabilities=found.probabilities)


def test_what_is_within_the_tolerance_is_no_disagreement_and_what_is_not_is_one() -> None:
    assigner = MixtureAssigner(GOOD)
    golden = _golden(assigner, np.array([[-1.0], [0.2], [4.0], [1e9]]))
    assert list(golden.clusters) == [0, 0, 1, 0] and golden.probabilities is not None
    assert golden.probabilities[3].tolist() == [0.5, 0.5]
    assert not disagreements(golden, assigner)
    shifted = golden.probabilities * (1 + np.array([[1], [-1]]).T * 1e-12)
    assert not disagreements(dataclasses.replace(golden, probabilities=shifted), assigner)
    for wrong in (
        {"probabilities": golden.probabilities * (1 + 1e-6)},
        {"clusters": 1 - golden.clusters},
        {"distances": np.nextafter(golden.distances, np.inf)},
    ):
        assert disagreements(dataclasses.replace(golden, **wrong), assigner) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="probabilities of 3 clusters"):
        disagreements(dataclasses.replace(golden, probabilities=np.ones((4, 3))), assigner)
    with pytest.raises(ValueError, match="have no probabilities"):
        disagreements(dataclasses.replace(golden, probabilities=None), assigner)


def test_of_a_tie_either_cluster_is_right_and_the_row_is_set_apart() -> None:
    """The point where both components are as probable; Spark may say the other one, a row beside it may not."""
    (one, other), *_ = GOOD.rivals()
    rows = np.array([[(one[0] + other[0]) / 2], [0.1], [1e9]])
    assigner = MixtureAssigner(GOOD)
    said = assigner.assign_likely(rows)
    elsewhere = said._replace(
        clusters=np.array([1 - said.clusters[0], said.clusters[1], 0]),
        probabilities=said.probabilities * (1 + np.array([[1e-12, -1e-12], [0, 0], [0, 0]])),
    )
    found = compare(assigner, rows, elsewhere)
    assert found.wrong.tolist() == [False] * 3 and found.apart.tolist() == [True, False, False]
    # Of the very same probabilities the first maximum is the same.
    assert compare(assigner, rows, said._replace(clusters=1 - said.clusters)).wrong.tolist() == [True] * 3


def test_the_probabilities_of_golden_rows_are_a_file() -> None:
    golden = _golden(MixtureAssigner(GOOD), np.array([[-3.0], [0.2]]))
    found = with_probabilities(dataclasses.replace(golden, probabilities=None), probabilities_to_json(golden))
    assert found.probabilities is not None and golden.probabilities is not None
    assert np.array_equal(found.probabilities, golden.probabilities)
    for body in (
        b"",
        b"{}",
        b'{"format": 1, "probabilities": [[1.0]]}',
        b'{"format": 1, "probabilities": [[1], [1, 2]]}',
    ):
        with pytest.raises(ValueError):
            with_probabilities(golden, body)


def test_a_covariance_of_zeros_is_as_dense_everywhere() -> None:
    """Spark's logarithm of no eigenvalues is 0, and no direction is left to go away in."""
    flat = dataclasses.replace(GOOD, covariances=(((0.0,),), ((2.0,),)), eigenvalues=((0.0,), (2.0,)))
    clusters, _, probabilities = MixtureAssigner(flat).assign_likely(np.array([[1.0], [1e3], [-1e6]]))
    density, other = 0.5 / np.sqrt(2 * np.pi), 0.5 / np.sqrt(4 * np.pi)
    assert not clusters.any() and probabilities[:, 0] == pytest.approx([density / (density + other), 1, 1])
