"""The table of asked figures: as Markdown in `docs/performance.md`, from the raw figures in the JSON beside it.

`python -m bench.page` writes it again without measuring.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.asked import ASKED
from bench.figures import Asked, Verdict
from bench.measurements import MEASUREMENTS, Run, values

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
PAGE: Final = DOCS / "performance.md"
RAW: Final = DOCS / "performance.json"
BEGIN: Final = "<!-- bench: made by `make bench-full` from performance.json; do not edit -->"
END: Final = "<!-- bench: end -->"
HEADS: Final = {
    "records_s": "records/s", "requests_s": "requests/s", "seconds": "s", "cpu_s": "s of CPU", "cpu_us": "µs of CPU",
    "peak_mb": "MB at most", "p50_ms": "p50 ms", "p99_ms": "p99 ms", "longest_ms": "longest ms",
}  # fmt: skip
_HEAD: Final = "| | asked | median | least to most, runs | |\n|---|---|---|---|---|\n"


def read(raw: Path) -> dict[str, Any]:
    """Return what earlier runs left in ``raw``."""
    found: dict[str, Any] = {"measurements": {}}
    return found | (json.loads(raw.read_text(encoding="utf-8")) if raw.exists() else {})


def all_runs(measured: Mapping[str, list[Run]]) -> list[Run]:
    """Return the runs of all measurements."""
    return [run for runs in measured.values() for run in runs]


def verdicts(measured: Mapping[str, list[Run]], asked: Iterable[Asked]) -> dict[str, Verdict]:
    """Return what is to be said of each of ``asked``."""
    found = values(all_runs(measured))
    return {each.name: each.judge(found.get(each.name, [])) for each in asked}


def table(measured: Mapping[str, list[Run]], asked: Iterable[Asked] = tuple(ASKED.values())) -> str:
    """Return the table of ``asked``, and below it what could not be had where it was measured."""
    found = values(all_runs(measured))
    rows = "".join(_row(each, found.get(each.name, [])) for each in asked)
    lost = {
        (line["missing"], line["why"]) for run in all_runs(measured) for line in run["recorded"] if "missing" in line
    }
    said = "".join(f"\n{what} was not measured: {why}.\n" for what, why in sorted(lost))
    return _HEAD + rows + said


def contenders(measured: Mapping[str, list[Run]]) -> str:
    """Return a table for each measurement of what each contender did, by the medians of its runs."""
    # A measurement that was run again is not moved to the end by that.
    return "".join(_contenders(name, measured[name]) for name in MEASUREMENTS if name in measured)


def _contenders(name: str, runs: list[Run]) -> str:
    lines = [line for run in runs for line in run["recorded"] if "what" in line]
    found: dict[str, dict[str, list[float]]] = {}
    for line in lines:
        kept = found.setdefault(line["what"], {})
        for column, value in line.items():
            if column != "what":
                kept.setdefault(column, []).append(value)
    columns = list(dict.fromkeys(column for kept in found.values() for column in kept))
    if not columns:
        return ""
    head = "".join(f" {HEADS.get(column, column)} |" for column in columns)
    rows = "".join(
        f"| {what} |" + "".join(f" {_told(kept.get(column, []))} |" for column in columns) + "\n"
        for what, kept in found.items()
    )
    return f"\n| `{name}` |{head}\n|---|{'---|' * len(columns)}\n{rows}"


def _told(values: list[float]) -> str:
    if not values:
        return ""
    value = statistics.median(values)
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def tables(measured: Mapping[str, list[Run]]) -> str:
    """Return all that stands between the marks."""
    return table(measured) + contenders(measured)


def write(page: Path, measured: Mapping[str, list[Run]]) -> None:
    """Put the tables between the marks of ``page``.

    Raises
    ------
    ValueError: the page has no such marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page.name} has no marks for the table: {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{tables(measured)}{END}{after}", encoding="utf-8")


def _row(asked: Asked, measured: list[float]) -> str:
    verdict = asked.judge(measured)
    if verdict is Verdict.NOT_MEASURED:
        return f"| {asked.what} | {asked.bound} | | | {verdict} |\n"
    spread = f"{asked.told(min(measured))} to {asked.told(max(measured))}, " if len(measured) > 1 else ""
    middle = asked.told(statistics.median(measured))
    return f"| {asked.what} | {asked.bound} | {middle} | {spread}{len(measured)} | {verdict} |\n"


if __name__ == "__main__":
    write(PAGE, read(RAW)["measurements"])
