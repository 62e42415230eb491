"""`python -m bench`: run the measurements, judge what they found, keep it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import psutil

from bench import page
from bench.asked import ASKED
from bench.figures import Asked, Verdict
from bench.measurements import MEASUREMENTS, ONLY_BY_NAME, Run, perform
from bench.services import services
from console.commands import Command
from console.ending import run
from console.exit_codes import FAILED

QUICK_RAW = page.DOCS.parent / "build" / "bench.json"


@click.command(cls=Command, examples=["", "landing training", "--full", "--full line"])
@click.argument("names", nargs=-1, type=click.Choice(list(MEASUREMENTS)))
@click.option("--full", is_flag=True, help="All there is, five runs; the page and its JSON then say what was measured.")
@click.option("--runs", type=click.IntRange(min=1), help="So many runs of each instead.")
def main(names: tuple[str, ...], runs: int | None, *, full: bool) -> None:
    """Run each of the measurements NAMES, by default all, on services of their own or those that the shell names.

    Exit code 1: an asked figure was missed or not measured. Each measurement is a command too, with flags of its own.
    """
    chosen = [name for name in names or MEASUREMENTS if names or name not in ONLY_BY_NAME]
    performed = [name for name in chosen if full or names or MEASUREMENTS[name].quick is not None]
    raw = page.RAW if full else QUICK_RAW
    kept = page.read(raw) if full else {"measurements": {}}
    for name in performed:
        kept["measurements"][name] = []
        for number in range(runs or (MEASUREMENTS[name].runs if full else 1)):
            click.secho(f"\n{name}, run {number + 1}", bold=True)
            with services() if MEASUREMENTS[name].on_services else nullcontext(os.environ) as environ:
                found = perform(MEASUREMENTS[name], full=full, environ=environ)
            kept["measurements"][name].append({**found, "commit": _commit()})
            _write(raw, {**kept, "machine": _machine()})
    if full:
        page.write(page.PAGE, kept["measurements"])
    judged = [each for each in ASKED.values() if each.measurement in performed and (full or each.quick)]
    _conclude({name: kept["measurements"][name] for name in performed}, judged)


def _conclude(measured: Mapping[str, list[Run]], asked: Sequence[Asked]) -> None:
    """Print the table; exit as it says."""
    click.echo(f"\n{page.table(measured, asked)}")
    failed = [name for name, runs in measured.items() if any(run["exit_code"] for run in runs)]
    for name in failed:
        click.echo(f"{name} failed; run it alone to see why: python -m bench {name}", err=True)
    counts = Counter(page.verdicts(measured, asked).values())
    click.echo(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
    if failed or counts[Verdict.MET] < len(asked):
        sys.exit(FAILED)


def _write(raw: Path, kept: Mapping[str, Any]) -> None:
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    """Return what figures depend on, and nothing that names the machine."""
    memory = psutil.virtual_memory().total
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def _commit() -> str:
    """Return the commit that is measured, with a plus where files differ from it."""
    asked = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(asked, cwd=page.DOCS.parent, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    run(main, prog_name="python -m bench")
