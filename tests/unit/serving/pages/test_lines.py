"""The charts of the metrics over the versions."""

from __future__ import annotations

import pytest

from serving.pages.ui.lines import LEFT, MOST_ALONG, MOST_POINTS, RIGHT, Line, Lines, Measured, draw, written


def drawn(*versions: Measured) -> Lines:
    found = draw(versions)
    assert found is not None
    return found


def only(*versions: Measured) -> Line:
    (line,) = drawn(*versions).all
    return line


def test_a_point_per_version_between_the_lowest_and_the_highest() -> None:
    line = only(*(Measured(number, {"rmse": value}) for number, value in ((1, 0.5), (2, 0.25), (3, 1.0))))
    assert [point.x for point in line.points] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    first, low, high = (point.y for point in line.points)
    assert high < first < low and (low - first) * 2 == pytest.approx(first - high, abs=0.3)
    assert dict(line.marks) == {low: "0.25", high: "1"}
    assert line.path.count("M") == 1 and line.path.count("L") == 2
    assert line.summary == "rmse of 3 versions: lowest 0.25 (v2), highest 1 (v3), newest 1 (v3)"


def test_what_failed_is_missing_or_was_not_measured_is_a_gap_and_no_zero() -> None:
    failed, other = Measured(3, {}), Measured(5, {"other": 1.0})
    found = drawn(*(Measured(n, {"rmse": float(n)}) for n in (1, 2)), failed, Measured(4, {"rmse": 4.0}), other)
    (rmse,) = (line for line in found.metrics if line.name == "rmse")
    assert rmse.texts == {1: "1", 2: "2", 4: "4"}
    assert rmse.path.count("M") == 2 and rmse.path.count("L") == 1
    assert [number for number, _ in found.along] == [1, 2, 3, 4, 5]
    # Version 2 was deleted: its room stays.
    deleted = only(*(Measured(n, {"rmse": float(n)}) for n in (1, 3, 4)))
    assert deleted.points[1].x == pytest.approx(LEFT + (RIGHT - LEFT) * 2 / 3, abs=0.1)
    assert deleted.path.count("M") == 2


def test_one_version_and_a_value_that_never_changes_are_in_the_middle() -> None:
    single = only(Measured(7, {"rmse": 0.5}))
    (point,) = single.points
    assert point.x == (LEFT + RIGHT) / 2 and single.marks == ((point.y, "0.5"),)
    assert single.summary.startswith("rmse of 1 version: ")
    flat = only(Measured(1, {"rmse": 0.0}), Measured(2, {"rmse": 0.0}))
    assert {each.y for each in flat.points} == {point.y} and flat.path


def test_drift_is_below_its_band_first() -> None:
    metrics = {"drift/psi_max": 0.3, "drifting": 1.0, "rmse": 0.5}
    found = drawn(Measured(1, {"rmse": 0.4}), Measured(2, metrics, "large"), Measured(3, metrics, "stable"))
    assert [line.name for line in found.metrics] == ["drifting", "rmse"]
    assert [line.name for line in found.drift] == ["drift", "drift/psi_max"]
    band = found.drift[0]
    assert band.texts == {2: "large", 3: "stable"} and band.points[0].y < band.points[1].y
    assert [text for _, text in band.marks] == ["stable", "moderate", "large"]


def test_the_newest_version_orders_the_metrics() -> None:
    found = drawn(Measured(1, {"gone": 1.0, "b": 1.0}), Measured(2, {"a": 1.0, "b": 1.0}))
    assert [line.name for line in found.metrics] == ["a", "b", "gone"]


@pytest.mark.parametrize(("versions", "metrics"), [(200, 39), (1000, 3), (1000, 128), (3, 128)])
def test_however_many_there_are_the_newest_are_drawn(versions: int, metrics: int) -> None:
    names = {f"m{i}": 0.5 for i in range(metrics)}
    found = drawn(*(Measured(n, names, "stable") for n in range(1, versions + 1)))
    assert len(found.metrics) == metrics and len(found.along) <= MOST_ALONG
    assert sum(len(line.points) for line in found.all) <= MOST_POINTS
    assert found.along[-1] == (versions, RIGHT)
    assert len(found.along) == min(versions, 200, MOST_POINTS // (metrics + 1))


def test_nothing_measured_is_nothing_drawn() -> None:
    assert draw([]) is None
    assert draw([Measured(1, {}), Measured(2, {}, "no band")]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (112_259.0, "112,259"),
        (0.51239, "0.5124"),
        (-12_345.6, "−12,346"),
        (1.5e-5, "1.5e−05"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert written(value) == text
