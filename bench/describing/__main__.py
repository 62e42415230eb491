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

from pipeline.replay.place import default_path
from pipeline.stream_file import load_stream

HERE = Path(__file__).parent
STREAM_FILE = "streams/flights.yaml"
_NUMBER = re.compile(rb"-?\d+|NA|")
DESCRIBE, DUCKDB = "describe", "DuckDB"


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


def _duck_python(directory: Path) -> str:
    """Install DuckDB into an environment of its own; return its Python."""
    environment = directory / "duck"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    install = ["pip", "install", "-q", "--require-hashes", "--python", python, "-r", str(HERE / "requirements.txt")]
    subprocess.run([sys.executable, "-m", "uv", *install], check=True)
    return python


def _measure(what: str, file: Path, python: str, turns: int) -> None:
    commands = {
        DESCRIBE: [sys.executable, "-m", "pipeline", "describe", str(file)],
        DUCKDB: [python, str(HERE / "duck.py"), str(file)],
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
    ours, duck = middle[DESCRIBE], middle[DUCKDB]
    print(f"describe : DuckDB = {ours.seconds / duck.seconds:.2f} x, of CPU {ours.cpu_s / duck.cpu_s:.2f} x")


def main() -> None:
    """Write the files, ask both sides in turns, print the medians and their ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=3_000_000)
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--file", type=Path, help="one of your own instead")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = _duck_python(Path(folder))
        if chosen.file is not None:
            _measure(chosen.file.name, chosen.file, python, chosen.turns)
            return
        for what, quoted in (("flights", False), ("flights, text in quotes", True)):
            file = Path(folder) / "flights.csv"
            _write_flights(file, chosen.rows, quoted=quoted)
            _measure(what, file, python, chosen.turns)


if __name__ == "__main__":
    main()
