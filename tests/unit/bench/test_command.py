"""`python -m bench`: what it runs, keeps and ends with."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest
from click.testing import CliRunner, Result

from bench import __main__ as command
from bench import page
from bench.asked import ASKED
from bench.measurements import Measurement

ONE = "landing.mb"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a quick run leaves its raw figures; one figure is asked, and services are somebody else's."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setattr(command, "ASKED", MappingProxyType({ONE: ASKED[ONE]}))
    monkeypatch.setattr(command, "QUICK_RAW", tmp_path / "below" / "bench.json")
    monkeypatch.setattr(page, "RAW", tmp_path / "performance.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    return tmp_path / "below" / "bench.json"


def _bench(monkeypatch: pytest.MonkeyPatch, measurement: Measurement, *typed: str) -> Result:
    monkeypatch.setattr(command, "MEASUREMENTS", {"landing": measurement})
    return CliRunner().invoke(command.main, typed)


def _measurement(mb: float, code: int = 0) -> Measurement:
    arguments = (str(mb), str(code))
    return Measurement("tests.unit.bench.measures_memory", arguments, arguments, runs=2)


@pytest.mark.parametrize(
    ("mb", "code", "ends"),
    [
        (400, 0, (0, "1 met, 0 missed, 0 not measured")),
        (501, 0, (1, "0 met, 1 missed, 0 not measured")),
        (400, 3, (1, "landing failed")),
    ],
)
def test_the_exit_code_says_whether_all_were_met(
    kept: Path, monkeypatch: pytest.MonkeyPatch, mb: float, code: int, ends: tuple[int, str]
) -> None:
    done = _bench(monkeypatch, _measurement(mb, code))
    assert done.exit_code == ends[0] and ends[1] in done.output
    (run,) = json.loads(kept.read_text())["measurements"]["landing"]
    assert run["exit_code"] == code and run["recorded"] == [{"figure": ONE, "value": mb}]
    assert {"began", "seconds", "load_before", "commit"} <= run.keys()


def test_what_is_asked_and_was_not_told_is_not_met(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Measurement("this", ())
    done = _bench(monkeypatch, silent)
    assert done.exit_code == 1 and "1 not measured" in done.output and kept.exists()


def test_a_full_run_keeps_each_run_and_writes_the_page(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page.PAGE.write_text(f"{page.BEGIN}\n{page.END}\n")
    page.RAW.write_text(json.dumps({"measurements": {"line": [{"recorded": [], "exit_code": 0}]}}))
    done = _bench(monkeypatch, _measurement(450), "--full")
    assert done.exit_code == 0 and not kept.exists()
    measured = json.loads(page.RAW.read_text())["measurements"]
    assert len(measured["landing"]) == 2 and "line" in measured
    assert "| 450 MB | 450 MB to 450 MB, 2 | met |" in page.PAGE.read_text()
