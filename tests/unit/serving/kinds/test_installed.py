"""Which kinds the server finds: what a package gets wrong costs its own versions, and a line in the log."""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from contract import kind
from serving.kinds import installed
from serving.kinds.kind import Counted

CLASH = Counted("swathe_predictions", "Something else", "word")


def _broken(name: str) -> ModuleType:
    module = ModuleType(name)

    def fail(_: str) -> object:
        raise ZeroDivisionError("no such luck")

    module.__dict__["__getattr__"] = fail
    return module


def _found(monkeypatch: pytest.MonkeyPatch, half: object, faults: dict[str, str]) -> tuple[Any, Any]:
    declared = kind.kinds()
    odd = dataclasses.replace(declared[kind.DEFAULT], name="odd", serving="odd_kind_of_a_test:KIND")
    module = half if isinstance(half, ModuleType) else SimpleNamespace(KIND=half)
    if half is not None:
        monkeypatch.setitem(sys.modules, "odd_kind_of_a_test", module)
    monkeypatch.setattr(installed, "installed", lambda: {**declared, "odd": odd})
    monkeypatch.setattr(installed, "faults", lambda: faults)
    found, wrong = installed._found.__wrapped__()
    assert found.keys() == declared.keys() and found[kind.DEFAULT].name == kind.DEFAULT
    return found, wrong


@pytest.mark.parametrize(
    ("half", "told"),
    [
        (None, "No module named 'odd_kind_of_a_test'"),
        (_broken("odd_kind_of_a_test"), "no such luck"),
        (SimpleNamespace(name="odd"), "has no counted, described, files"),
        (dataclasses.replace, "has no counted"),
    ],
)
def test_a_half_that_is_none_is_left_out(
    half: object, told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, wrong = _found(monkeypatch, half, {})
    assert told in wrong["odd"] and "kind=odd" in caplog.text


def test_two_kinds_that_count_other_things_under_one_name_are_not_both_served(monkeypatch: pytest.MonkeyPatch) -> None:
    half = SimpleNamespace(**dict.fromkeys(installed._ASKED) | {"counted": CLASH})
    _, wrong = _found(monkeypatch, half, {})
    assert "both count 'swathe_predictions'" in wrong["odd"]


def test_what_could_not_even_be_declared_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    half = SimpleNamespace(**dict.fromkeys(installed._ASKED) | {"counted": CLASH})
    _, wrong = _found(monkeypatch, half, {"worse": "it cannot be loaded"})
    assert wrong["worse"] == "it cannot be loaded"
