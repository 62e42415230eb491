"""A thousand clusters cost what their arithmetic costs: no second of Python to make, to send or to ask them."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from scoring.golden import Golden
from scoring.kmeans import Assigner, Scoring


def _scoring(k: int, width: int) -> Scoring:
    rng = np.random.default_rng(k)
    zeros, ones = (0.0,) * width, (1.0,) * width
    centers = tuple(tuple(row) for row in rng.normal(size=(k, width)).tolist())
    return Scoring(tuple(f"f{j}" for j in range(width)), zeros, zeros, ones, centers, tuple(f"C{i}" for i in range(k)))


@pytest.mark.parametrize(("k", "width"), [(1000, 20), (999, 1), (223, 20)])
def test_they_are_made_checked_sent_and_asked_in_less_than_a_second(k: int, width: int) -> None:
    scoring = _scoring(k, width)
    rows = np.random.default_rng(1).normal(size=(200, width))
    began = time.process_time()
    assigner = Assigner(scoring)
    sent = pickle.dumps(assigner)
    here, there = assigner.assign(rows), pickle.loads(sent).assign(rows)
    assert Golden(scoring.features, rows, *here).disagreements(assigner) == []
    few = assigner.assign(rows[:5])
    assert time.process_time() - began < 1
    assert len(sent) < 250_000
    for at in (0, 1):
        assert here[at].tolist() == there[at].tolist() and few[at].tolist() == here[at][:5].tolist()
