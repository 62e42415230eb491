"""Whatever metrics a version has, it can tell them, and they are drawn inside their chart."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from contract.version_facts import MOST_METRICS, VersionFacts, facts_from_json, facts_to_json, told_metrics
from serving.pages.ui.lines import HEIGHT, LEFT, RIGHT, Measured, draw

NAMES = st.one_of(
    st.text(max_size=300).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)),
    st.sampled_from(["a", "ref/a", "drift/psi/a", "drift/a", "/", "//", ""]),
)
ANY = st.one_of(st.floats(), st.integers(-(2**53), 2**53), st.booleans())
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(NAMES, ANY, max_size=20))
@example({"": 1.0, "x" * 251: 1.0, "nan": math.nan})
def test_what_is_told_is_read_again(metrics: dict[str, float]) -> None:
    told = told_metrics(metrics)
    assert facts_from_json(facts_to_json(VersionFacts({}, 0, metrics=told)), "").metrics == told
    assert len(told) <= MOST_METRICS and all(metrics[name] == value for name, value in told.items())


@given(st.dictionaries(st.integers(1, 999_999_999), FINITE, min_size=1, max_size=12))
@example({1: -1.7976931348623157e308, 2: 1.7976931348623157e308})
@example({1: 0.0, 2: 5e-324})
def test_any_values_are_drawn_in_their_order(values: dict[int, float]) -> None:
    found = draw([Measured(number, {"m": values[number]}) for number in sorted(values)])
    assert found is not None
    (line,) = found.metrics
    assert [point.number for point in line.points] == sorted(values)
    assert all(LEFT <= point.x <= RIGHT and 0 < point.y < HEIGHT for point in line.points)
    by_value = sorted(line.points, key=lambda point: values[point.number])
    assert all(lower.y >= higher.y for lower, higher in pairwise(by_value))
    assert line.path.startswith("M") and line.path.count("L") <= len(values) - 1
    assert all(len(text) <= 12 for _, text in line.marks)
