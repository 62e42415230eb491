"""What measurements record is what the page says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import page, record
from bench.asked import ASKED
from bench.figures import Verdict
from bench.measurements import Run, values

FIRST, SECOND = list(ASKED.values())[:2]


def _run(*recorded: Mapping[str, object]) -> Run:
    return {"recorded": list(recorded), "exit_code": 0}


def _figure(name: str, value: float) -> dict[str, object]:
    return {"figure": name, "value": value}


def test_a_measurement_records_figures_facts_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lines"
    monkeypatch.setenv(record.FILE, str(file))
    record.figure(FIRST.name, 12.5)
    record.fact("a contender", seconds=2.0)
    record.missing("a peer", "it has no wheel")
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"figure": FIRST.name, "value": 12.5},
        {"what": "a contender", "seconds": 2.0},
        {"missing": "a peer", "why": "it has no wheel"},
    ]
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{FIRST.what}: 12.5 % (asked {FIRST.bound}): missed",
        "a peer is NOT MEASURED: it has no wheel",
    ]


def test_a_figure_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(KeyError):
        record.figure("landing.unheard_of", 1.0)


def test_the_table_says_median_spread_and_verdict_and_what_could_not_be_had() -> None:
    lost = {"missing": "a peer", "why": "it has no wheel"}
    runs = [_run(_figure(FIRST.name, value), lost) for value in (31.0, 35.0, 20.0)]
    told = page.table({"landing": runs}, [FIRST, SECOND])
    assert told.splitlines()[2:] == [
        f"| {FIRST.what} | {FIRST.bound} | 31 % | 20 % to 35 %, 3 | met |",
        f"| {SECOND.what} | {SECOND.bound} | | | not measured |",
        "",
        "a peer was not measured: it has no wheel.",
    ]
    assert page.verdicts({"landing": runs}, [FIRST, SECOND]) == {
        FIRST.name: Verdict.MET,
        SECOND.name: Verdict.NOT_MEASURED,
    }


def test_contenders_have_a_table_of_medians() -> None:
    lines = [{"what": "loop", "records_s": rate, "peak_mb": 9.25} for rate in (1_000.0, 3_000.0, 2_000.0)]
    other = {"what": "sink", "records_s": 5.0}
    told = page.contenders({"landing": [_run(line, other) for line in lines], "line": [_run()]})
    assert told.splitlines() == [
        "",
        "| `landing` | records/s | MB at most |",
        "|---|---|---|",
        "| loop | 2,000 | 9.25 |",
        "| sink | 5 |  |",
    ]


def test_a_figure_that_is_no_longer_asked_is_left_out() -> None:
    assert values([_run(_figure("gone.figure", 1.0), _figure(FIRST.name, 2.0))]) == {FIRST.name: [2.0]}


def test_the_table_takes_its_place_and_the_prose_stays(tmp_path: Path) -> None:
    written = tmp_path / "page.md"
    written.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    for _ in range(2):
        page.write(written, {})
        assert written.read_text() == f"before\n{page.BEGIN}\n{page.table({})}{page.END}\nafter\n"
    written.write_text("no marks\n")
    with pytest.raises(ValueError, match="no marks"):
        page.write(written, {})


def test_the_page_says_what_the_raw_figures_beside_it_say() -> None:
    measured = page.read(page.RAW)["measurements"]
    assert f"{page.BEGIN}\n{page.tables(measured)}{page.END}" in page.PAGE.read_text(encoding="utf-8"), (
        "python -m bench.page writes the table again"
    )
