"""`python -m bench.landing`: landing beside a bare loop, a loop with json.loads and Quix Streams' S3 sink."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.landing.avro_records import NESTED_FILE, SCHEMA_FILE, avro_flights, write_schemas
from bench.landing.records import STREAM_FILE, fill_topic
from pipeline.settings import kafka_settings

HERE = Path(__file__).parent
BARE_RUNS = 3
AVRO, AVRO_WITH_ARRAY = "landing, Avro", "landing, Avro with an array"


class Result(NamedTuple):
    """One contender's run, between two moments in seconds; ``cpu_s`` is user and system time of its processes."""

    records: int
    began: float
    ended: float
    cpu_s: float
    peak_mb: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def records_s(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def _stream_file(directory: Path, topic: str, records: str = "{}") -> Path:
    """Return a copy of the flights' stream file for ``topic``, as a stream of its own, whose ``records`` are others."""
    lines = Path(STREAM_FILE).read_text().splitlines()
    swapped = {"name:": f"name: {topic}-{uuid.uuid4().hex[:6]}", "topic:": f"topic: {topic}\nrecords: {records}"}
    path = directory / f"{uuid.uuid4().hex}.yaml"
    path.write_text("\n".join(swapped.get(line.split(" ")[0], line) for line in lines))
    return path


def _run(contender: str, stream: Path, rows: int, python: str = sys.executable) -> subprocess.Popen[str]:
    script = ["-m", "bench.landing.contenders"] if contender != "quix" else [str(HERE / "quix_sink.py")]
    return subprocess.Popen(
        [python, *script, contender, str(stream), str(rows)], stdout=subprocess.PIPE, text=True, env=os.environ
    )


def _result(process: subprocess.Popen[str]) -> Result:
    said, _ = process.communicate(timeout=1_800)
    if process.returncode:
        raise SystemExit("a contender failed")
    return Result(**json.loads(said.splitlines()[-1]))


def _quix_python(directory: Path) -> str:
    """Install Quix Streams into an environment of its own; return its Python."""
    environment = directory / "quix"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    requirements = str(HERE / "requirements.txt")
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, "-r", requirements], check=True
    )
    return python


def _measure(name: str, run: Callable[[], Result], found: dict[str, Result]) -> None:
    found[name] = result = run()
    print(
        f"{name:32} {result.records_s:>12,.0f} records/s {result.seconds:>8.1f} s "
        f"{1e6 * result.cpu_s / result.records:>6.2f} µs CPU/record {result.peak_mb:>6.0f} MB",
        flush=True,
    )


def main() -> None:
    """Fill the topics, run the contenders one after the other, print the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--rows", type=int, default=112_000, help="rows of a batch")
    options.add_argument("--without-quix", action="store_true")
    options.add_argument("--without-tenfold", action="store_true")
    options.add_argument("--formats-only", action="store_true", help="JSON and Avro alone")
    chosen = options.parse_args()
    kafka = kafka_settings()
    found: dict[str, Result] = {}

    def topic(count: int, partitions: int = 1, records: list[bytes] | None = None) -> str:
        name = f"bench-{uuid.uuid4().hex[:10]}"
        mean = fill_topic(kafka, name, count, partitions, records)
        print(f"{count:,} records of {mean:.0f} bytes on {partitions} partitions")
        return name

    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)

        def alone(contender: str, name: str, python: str = sys.executable, records: str = "{}") -> Callable[[], Result]:
            return lambda: _result(_run(contender, _stream_file(directory, name, records), chosen.rows, python))

        one = topic(chosen.records)
        for turn in range(BARE_RUNS):
            _measure(f"bare consume() {turn + 1}", alone("bare", one), found)
        _measure("landing", alone("ours", one), found)
        write_schemas(directory)
        for name, file in ((AVRO, SCHEMA_FILE), (AVRO_WITH_ARRAY, NESTED_FILE)):
            of_avro = topic(chosen.records, records=avro_flights(array=name == AVRO_WITH_ARRAY))
            _measure(name, alone("ours", of_avro, records=f"{{format: avro, schema_file: {file}}}"), found)
        if chosen.formats_only:
            _print_formats(found)
            return
        _measure("json.loads, one at a time", alone("one_at_a_time", one), found)
        if not chosen.without_quix:
            _measure("Quix Streams S3FileSink", alone("quix", one, _quix_python(directory)), found)
        # Long enough that the second member's joining is not all that is measured.
        two = topic(4 * chosen.records, 2)
        _measure("landing, two partitions", alone("ours", two), found)
        _measure("landing, two members", lambda: _together(_stream_file(directory, two), chosen.rows), found)
        if not chosen.without_tenfold:
            _measure("landing, ten times the records", alone("ours", topic(10 * chosen.records)), found)
    _print_ratios(found)


def _together(stream: Path, rows: int) -> Result:
    results = [_result(process) for process in [_run("member", stream, rows) for _ in range(2)]]
    return Result(
        sum(result.records for result in results),
        min(result.began for result in results if result.records),
        max(result.ended for result in results if result.records),
        sum(result.cpu_s for result in results),
        max(result.peak_mb for result in results),
    )


def _print_formats(found: dict[str, Result]) -> None:
    for name in (AVRO, AVRO_WITH_ARRAY):
        print(f"{name} : JSON = {found[name].records_s / found['landing'].records_s:.2f} x")


def _print_ratios(found: dict[str, Result]) -> None:
    _print_formats(found)
    ours = found["landing"].records_s
    best = max(result.records_s for name, result in found.items() if name.startswith("bare"))
    print(f"\nlanding : best bare loop = {ours / best:.0%}")
    for name in ("json.loads, one at a time", "Quix Streams S3FileSink"):
        if name in found:
            print(f"landing : {name} = {ours / found[name].records_s:.1f} x")
    two, one = found["landing, two members"].records_s, found["landing, two partitions"].records_s
    print(f"two members : one, on two partitions = {two / one:.2f} x")
    if tenfold := found.get("landing, ten times the records"):
        print(f"peak memory, ten times the records : once = {tenfold.peak_mb:.0f} : {found['landing'].peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
