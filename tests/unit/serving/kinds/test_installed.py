"""Which kinds the server finds."""

from __future__ import annotations

import dataclasses

import pytest

from contract import kind
from serving.kinds import installed


def test_a_kind_without_a_serving_half_costs_a_line_and_not_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    declared = kind.kinds()
    odd = dataclasses.replace(declared[kind.DEFAULT], name="odd", serving="serving.kinds.nowhere:KIND")
    monkeypatch.setattr(installed, "installed", lambda: {"odd": odd, **declared})
    found = installed.kinds.__wrapped__()
    assert found.keys() == declared.keys() and found[kind.DEFAULT].name == kind.DEFAULT
    assert "kind=odd" in caplog.text and "uninstall it" in caplog.text
