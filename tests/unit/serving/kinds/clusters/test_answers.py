"""Answers are exactly what a JSON library would write."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.kinds.clusters.answers import Rows, encode

LABELS = ("C1", 'a "quoted" name', "ä")


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, allow_nan=False, allow_infinity=False)), min_size=1))
def test_every_row_and_every_double_is_there(rows: list[tuple[int, float]]) -> None:
    clusters = [cluster for cluster, _ in rows]
    distances = np.array([distance for _, distance in rows])
    answer = json.loads(encode(Rows(clusters, distances), LABELS, b'"model":"m"}'))
    assert answer["predictions"] == [{"cluster": c, "label": LABELS[c], "distance": d} for c, d in rows]
    assert answer["model"] == "m"
