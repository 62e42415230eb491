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
from scoring.mixture import TOLERANCE, MixtureAssigner, MixtureScoring

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
    clusters, probabilities = assigner.assign(np.concatenate([rows] * 3))
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(clusters, probabilities.argmax(axis=1))
    tolerance = np.maximum(assigner.rounding(rows), TOLERANCE)
    for row, many, within in zip(rows.tolist(), probabilities, tolerance, strict=False):
        _, alone = assigner.assign_row(row)
        assert alone == pytest.approx(many, rel=within, abs=0)


@given(scored())
def test_rows_far_from_all_are_shared_by_all(pair: tuple[MixtureScoring, Floats]) -> None:
    scoring, rows = pair
    one = MixtureAssigner(dataclasses.replace(scoring, std=tuple(1.0 for _ in scoring.std)))
    k, far = len(scoring.weights), rows * 0 + np.array(scoring.mean) + 1e6
    if not np.isnan(far).any() and all(min(values) > 1e-6 for values in scoring.eigenvalues):
        clusters, probabilities = one.assign(far)
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
        MixtureScoring.from_json(json.dumps({"format": 1, **dataclasses.asdict(GOOD), **changed}).encode())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"format": 2}', GOOD.to_json().replace(b'"means"', b'"centers"')]
)
def test_what_is_no_scoring_file_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        MixtureScoring.from_json(body)


def test_a_covariance_of_zeros_has_no_density() -> None:
    flat = dataclasses.replace(GOOD, covariances=(((0.0,),), ((2.0,),)), eigenvalues=((0.0,), (2.0,)))
    with pytest.raises(ValueError, match="no eigenvalue above zero"):
        MixtureAssigner(flat)
