"""The one table of what is asked: whole, and judged by the median."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bench.asked import ASKED, CASES, PAGES, case_figure
from bench.figures import Asked, Verdict
from bench.measurements import MEASUREMENTS, ONLY_BY_NAME

RATE = Asked("landing.rate", "rate of the loop", least=30, goal=40, unit="%")
TIME = Asked("training.time", "seconds", most=6, unit="s")


@pytest.mark.parametrize(
    ("asked", "values", "verdict"),
    [
        (RATE, [30.0], Verdict.MET),
        (RATE, [29.9], Verdict.MISSED),
        # The goal decides nothing, and of several runs the middle one counts.
        (RATE, [10.0, 31.0, 32.0], Verdict.MET),
        (RATE, [29.0, 29.0, 100.0], Verdict.MISSED),
        (TIME, [6.0], Verdict.MET),
        (TIME, [6.01], Verdict.MISSED),
        (TIME, [], Verdict.NOT_MEASURED),
    ],
)
def test_a_figure_is_judged_by_the_median(asked: Asked, values: list[float], verdict: Verdict) -> None:
    assert asked.judge(values) is verdict


@pytest.mark.parametrize(("least", "most"), [(None, None), (1.0, 2.0)])
def test_a_figure_has_one_bound(least: float | None, most: float | None) -> None:
    with pytest.raises(ValueError, match=r"a\.b"):
        Asked("a.b", "both or none", least=least, most=most)


def test_a_bound_is_told_with_its_unit_and_its_goal() -> None:
    assert (RATE.bound, TIME.bound) == ("≥ 30 %, the goal 40 %", "≤ 6 s")
    told = [TIME.told(value) for value in (0.2504, 1.0, 9.04, 123.4, 3_049.0)]
    assert told == ["0.25 s", "1 s", "9.04 s", "123 s", "3,049 s"]


def test_every_asked_figure_has_its_measurement() -> None:
    assert {each.measurement for each in ASKED.values()} <= MEASUREMENTS.keys() - set(ONLY_BY_NAME)
    assert all(case_figure(rows, connections, of) in ASKED for rows, connections, *_ in CASES for of in "ab")
    assert all(f"serving.versions_1000.{page}_ms" in ASKED for page in PAGES)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_a_module_that_knows_its_flags(name: str) -> None:
    measurement = MEASUREMENTS[name]
    found = importlib.util.find_spec(measurement.module)
    if found is not None and found.submodule_search_locations is not None:
        found = importlib.util.find_spec(f"{measurement.module}.__main__")
    assert found is not None and found.origin is not None
    flags = [each for each in (*(measurement.quick or ()), *measurement.full) if each.startswith("--")]
    source = Path(found.origin).read_text(encoding="utf-8")
    assert [flag for flag in flags if f'"{flag}"' not in source] == []
