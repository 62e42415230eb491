"""When versions are loaded again, with a clock of our own."""

from __future__ import annotations

from typing import Any

import pytest

from contract.errors import ModelArtifactError, ServiceDownError, SwatheError
from serving.versions.loads import Fault, Loaded, Loads
from serving.versions.registered import RegisteredVersion

BROKEN = ModelArtifactError("broken")
RARELY = [15, 30, 60, 120, 240, 240]
DOWN = ServiceDownError("mlflow", "http://x", "refused")


class Loading:
    """Loads that fail as told; ``tried`` are the versions, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at_once: int = 1) -> None:
        monkeypatch.setattr("serving.versions.loads._AT_ONCE", at_once)
        self.now = 0.0
        self.tried: list[int] = []
        self.faults: dict[int, BaseException] = {}
        self.loads = Loads(self._load, lambda: self.now)

    def _load(self, entry: RegisteredVersion) -> Loaded:
        self.tried.append(entry.number)
        if entry.number in self.faults:
            raise self.faults[entry.number]
        numbers: Any = None
        return Loaded(numbers, None)

    def look(self, *numbers: int) -> list[int]:
        """Want these versions, to the end; return those that were tried."""
        self.tried.clear()
        self.loads.want([entry(number) for number in numbers])
        assert self.loads.wait(10)
        return list(self.tried)


def entry(number: int) -> RegisteredVersion:
    return RegisteredVersion("m", number, f"run-{number}", "s", 0, {})


@pytest.mark.parametrize(
    ("error", "waits"),
    [(BROKEN, RARELY), (DOWN, [1, 2, 4, 8, 15, 15]), (MemoryError(), RARELY)],
)
def test_what_fails_is_tried_ever_less_often(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, waits: list[float]
) -> None:
    loading = Loading(monkeypatch)
    loading.faults[1] = error
    assert loading.look(1) == [1]
    for tries, wait_s in enumerate(waits, start=1):
        outcome = loading.loads.outcome(entry(1))
        assert isinstance(outcome, Fault) and outcome.tries == tries
        loading.now += wait_s - 0.5
        assert loading.look(1) == []
        loading.now += 0.5
        assert loading.look(1) == [1]


def test_new_ones_go_before_those_that_failed_of_which_few_are_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = Loading(monkeypatch)
    loading.faults = dict.fromkeys(range(1, 101), BROKEN)
    for _ in range(4):
        loading.look(*range(1, 101))
    assert all(isinstance(loading.loads.outcome(entry(number)), Fault) for number in range(1, 101))
    loading.now = 1000
    assert loading.look(*range(1, 101), 200) == [200, 1, 2]
    assert isinstance(loading.loads.outcome(entry(200)), Loaded)


def test_no_more_are_begun_than_a_look_can_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = Loading(monkeypatch)
    assert loading.look(*range(100)) == list(range(32))
    # What became the champion meanwhile goes first.
    assert loading.look(99, *range(99))[:2] == [99, 32]


def test_what_is_not_wanted_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = Loading(monkeypatch)
    loading.faults[1] = BROKEN
    loading.look(1, 2)
    loading.look()
    assert loading.loads.outcome(entry(1)) is None and loading.loads.outcome(entry(2)) is None
    assert loading.look(1) == [1]


def test_a_reason_is_one_short_line(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    loading = Loading(monkeypatch)
    loading.faults = {1: ValueError("x" * 5000 + "\nmore"), 2: ModelArtifactError("y\nz")}
    loading.look(1, 2)
    reasons = [outcome.reason for n in (1, 2) if isinstance(outcome := loading.loads.outcome(entry(n)), Fault)]
    assert reasons == ["ValueError: " + "x" * 287 + "…", "y"]
    # Only what nobody foresaw comes with its traceback.
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


def test_a_fault_is_told_again_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loading = Loading(monkeypatch)
    faults: list[SwatheError | None] = [BROKEN, BROKEN, DOWN, BROKEN, BROKEN]
    for error in faults:
        if error is not None:
            loading.faults[1] = error
        loading.look(1)
        loading.now += 1000
    assert len([record for record in caplog.records if "version unavailable" in record.getMessage()]) == 3
