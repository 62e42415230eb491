"""The seam: by these three a measurement tells what it found, to whoever looks on and to `python -m bench`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from bench.asked import ASKED

FILE: Final = "BENCH_RECORD"
"""The environment variable that names the file of JSON lines, if anybody wants one."""


def figure(name: str, value: float) -> None:
    """Record one run's value of an asked figure, and print what is asked of it and whether that is met.

    Raises
    ------
    KeyError: nothing of that name is asked; `bench/asked.py` has the table.
    """
    asked = ASKED[name]
    print(f"{asked.what}: {asked.told(value)} (asked {asked.bound}): {asked.judge([value])}", flush=True)
    _append({"figure": name, "value": value})


def fact(what: str, **values: float) -> None:
    """Record what was measured of one contender, its units in the names; nothing is printed."""
    _append({"what": what, **values})


def missing(what: str, why: str) -> None:
    """Record and say that a contender could not be had here."""
    print(f"{what} is NOT MEASURED: {why}", flush=True)
    _append({"missing": what, "why": why})


def _append(said: dict[str, float | str]) -> None:
    if path := os.environ.get(FILE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(said, ensure_ascii=False) + "\n")
