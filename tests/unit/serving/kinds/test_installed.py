"""Which kinds the server finds: what a package gets wrong costs its own versions, and a line in the log."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from contract import kind
from serving.kinds import installed
from serving.kinds.kind import Counted, PagePart, Reading

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


def _reading(path: str, name: str = "odd", signpost: str | None = None) -> Reading:
    return Reading(path, lambda _: {}, name=name, summary="", schema="", problems=(), signpost=signpost)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"counted": CLASH}, "both have the counter 'swathe_predictions'"),
        ({"schemas": {"Predictions": {"type": "string"}}}, "both have the component 'Predictions' of OpenAPI"),
        ({"described": {"clusters": {"type": "string"}}}, "both have 'clusters' in the list of all versions"),
        ({"readings": (_reading("/odd", "statistics"),)}, "both have a route named 'statistics'"),
        ({"readings": (_reading("/odd", signpost="cluster statistics"),)}, "both have the signpost"),
        (
            {"readings": (_reading("/clustering-results/{id}"), _reading("/clustering-results/{row_id}"))},
            "both have the route '/clustering-results/{…}'",
        ),
        (
            {"page": PagePart(Path(), "odd.html", dict, ("odd.js",), (), ("odd.css",))},
            "has no templates/odd.html, assets/odd.js, assets/odd.css",
        ),
    ],
)
def test_what_would_take_the_place_of_another_kind_s_or_is_not_there_leaves_it_out(
    given: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dict.fromkeys(installed._ASKED) | {"schemas": {}, "described": {}, "readings": ()}
    _, wrong = _found(monkeypatch, SimpleNamespace(**whole | given), {})
    assert told in wrong["odd"]


def test_what_could_not_even_be_declared_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    half = SimpleNamespace(**dict.fromkeys(installed._ASKED) | {"counted": CLASH})
    _, wrong = _found(monkeypatch, half, {"worse": "it cannot be loaded"})
    assert wrong["worse"] == "it cannot be loaded"
