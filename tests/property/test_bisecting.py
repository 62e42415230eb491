"""The walk down a tree without Spark: few rows and many rows agree, and files give back every bit."""

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
from scoring.bisecting import BisectingAssigner, BisectingScoring

NUMBER = st.floats(-1e6, 1e6, allow_subnormal=False)
ANY = st.one_of(NUMBER, st.sampled_from([0.0, 0.5, 1.0]))


@st.composite
def trees(draw: st.DrawFn) -> BisectingScoring:
    """Any tree of up to nine nodes; a node may have one child, and siblings may coincide."""
    width, count = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    children: list[list[int]] = [[] for _ in range(count)]
    for node in range(1, count):
        children[draw(st.sampled_from([n for n in range(node) if len(children[n]) < 2]))].append(node)

    def numbers(strategy: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(strategy, min_size=width, max_size=width)))

    return BisectingScoring(
        features=tuple(f"f{j}" for j in range(width)),
        surrogates=numbers(NUMBER),
        mean=numbers(NUMBER),
        std=numbers(st.one_of(st.just(0.0), st.floats(1e-3, 1e3))),
        nodes=tuple(numbers(ANY) for _ in range(count)),
        children=tuple(tuple(places) for places in children),
        labels=tuple(f"C{i}" for i in range(sum(not places for places in children))),
    )


@st.composite
def scored(draw: st.DrawFn) -> tuple[BisectingScoring, Floats]:
    scoring = draw(trees())
    values = st.one_of(ANY, st.just(math.nan))
    return scoring, draw(hnp.arrays(np.float64, (draw(st.integers(1, 12)), len(scoring.features)), elements=values))


@given(scored())
def test_one_row_and_many_rows_take_the_same_way(pair: tuple[BisectingScoring, Floats]) -> None:
    scoring, rows = pair
    assigner, many = BisectingAssigner(scoring), np.concatenate([rows] * 5)
    clusters, distances = assigner.assign(many)
    alone = [assigner.assign_row(row) for row in many.tolist()]
    assert [(int(c), float(d)) for c, d in zip(clusters, distances, strict=True)] == alone
    assert all(0 <= cluster < len(scoring.labels) for cluster, _ in alone)


@given(scored())
def test_no_sibling_on_the_way_is_nearer(pair: tuple[BisectingScoring, Floats]) -> None:
    scoring, rows = pair
    assigner = BisectingAssigner(scoring)
    parents = {child: node for node, places in enumerate(scoring.children) for child in places}
    clusters, _ = assigner.assign(rows)
    for point, cluster in zip(assigner.scale(rows), clusters, strict=True):
        node = scoring.leaves[cluster]
        while node:
            chosen, siblings = np.linalg.norm(point - scoring.nodes[node]), scoring.children[parents[node]]
            nearest = min(float(np.linalg.norm(point - np.array(scoring.nodes[child]))) for child in siblings)
            assert chosen <= nearest + 1e-9 * (1 + nearest)
            node = parents[node]


@given(trees())
def test_files_give_back_every_bit(scoring: BisectingScoring) -> None:
    assert BisectingScoring.from_json(scoring.to_json()) == scoring


GOOD = BisectingScoring(
    ("a",), (0.0,), (0.0,), (1.0,), ((0.0,), (-1.0,), (1.0,)), ((1, 2), (), ()), labels=("C0", "C1")
)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"surrogates": ()}, "surrogates has 0 numbers for 1 features"),
    ({"nodes": ()}, "every one of the nodes needs 1 numbers"),
    ({"nodes": ((0.0,), (1.0,), (2.0, 3.0))}, "every one of the nodes needs 1 numbers"),
    ({"nodes": ((0.0,), (1.0,), (math.inf,))}, "NaN or infinite"),
    ({"children": ((1, 2), ())}, "children of 2 nodes for 3 nodes"),
    ({"children": ((1, 1), (), ())}, "no tree"),
    ({"children": ((1,), (1,), ())}, "no tree"),
    ({"children": ((2,), (), (1,))}, "no tree"),
    ({"children": ((0, 1, 2), (), ())}, "no tree"),
    ({"children": ((1, 2, 3), (), ())}, "no tree"),
    ({"labels": ("C0",)}, "1 labels for 2 leaves"),
]


@pytest.mark.parametrize(("changed", "why"), WRONG)
def test_numbers_that_do_not_fit_are_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(GOOD, **changed)
    with pytest.raises(ValueError, match=why):
        BisectingScoring.from_json(json.dumps(json.loads(GOOD.to_json()) | changed).encode())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"format": 2}', GOOD.to_json().replace(b'"labels"', b'"names"'), b'{"format": 1}']
)
def test_what_is_no_scoring_file_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        BisectingScoring.from_json(body)
