"""`python -m bench.describing`: describe on a file of 3,000,000 rows, beside DuckDB's sniffer and a full read."""

from __future__ import annotations

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import peers, record
from pipeline.replay.place import default_path
from pipeline.stream_file import load_stream

HERE = Path(__file__).parent
STREAM_FILE = "streams/flights.yaml"
_NUMBER = re.compile(rb"-?\d+|NA|")
DESCRIBE, DUCKDB = "describe", "DuckDB"
CASES = (("flights", "describing.cpu", False), ("flights, text in quotes", "describing.cpu_quoted", True))


class Result(NamedTuple):
    """One whole process: seconds, seconds of CPU on all threads, and peak memory."""

    seconds: float
    cpu_s: float
    peak_mb: float


def _write_flights(path: Path, rows: int, *, quoted: bool) -> None:
    """Write the flights of the package again and again, until there are ``rows``; ``quoted``: text is in quotes."""
    with zipfile.ZipFile(default_path(load_stream(STREAM_FILE), STREAM_FILE)) as archive:
        header, *lines = archive.read(archive.namelist()[0]).splitlines(keepends=True)
    with path.open("wb") as file:
        file.write(header)
        file.writelines(itertools.islice(itertools.cycle(map(_quoted, lines) if quoted else lines), rows))


def _quoted(line: bytes) -> bytes:
    return b",".join(cell if _NUMBER.fullmatch(cell) else b'"%b"' % cell for cell in line.rstrip().split(b",")) + b"\n"


def _run(command: Sequence[str]) -> Result:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return Result(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3)


def _measure(what: str, file: Path, python: Path, turns: int) -> dict[str, Result]:
    commands = {
        DESCRIBE: [sys.executable, "-m", "pipeline", "describe", str(file)],
        DUCKDB: [str(python), str(HERE / "duck.py"), str(file)],
    }
    print(f"\n{what}: {file.stat().st_size / 1e6:,.0f} MB")
    # In turns: what else the machine does is then the same for both.
    runs = [{name: _run(command) for name, command in commands.items()} for _ in range(turns)]
    middle = {
        name: Result(*(statistics.median(each) for each in zip(*(run[name] for run in runs), strict=True)))
        for name in commands
    }
    for name, found in middle.items():
        print(f"{name:10} {found.seconds:>6.1f} s {found.cpu_s:>6.1f} s CPU {found.peak_mb:>6.0f} MB", flush=True)
        record.fact(f"{what}: {name}", **found._asdict())
    return middle


def main() -> None:
    """Write the files, ask both sides in turns, tell the medians and their ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=3_000_000)
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--plain-only", action="store_true", help="without the file whose text is in quotes")
    options.add_argument("--file", type=Path, help="one of your own instead")
    chosen = options.parse_args()
    python = peers.python(HERE / "peers" / "duckdb.txt")
    if chosen.file is not None:
        _measure(chosen.file.name, chosen.file, python, chosen.turns)
        return
    with tempfile.TemporaryDirectory() as folder:
        for what, figure, quoted in CASES[: 1 if chosen.plain_only else None]:
            file = Path(folder) / "flights.csv"
            _write_flights(file, chosen.rows, quoted=quoted)
            found = _measure(what, file, python, chosen.turns)
            record.figure(figure, found[DESCRIBE].cpu_s / found[DUCKDB].cpu_s)
            if not quoted:
                record.figure("describing.mb", found[DESCRIBE].peak_mb)


if __name__ == "__main__":
    main()
