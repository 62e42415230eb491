"""`python -m bench.landing`: landing beside a bare loop, a loop with json.loads, Quix Streams' S3 sink and Spark."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench import record
from bench.landing.avro_records import NESTED_FILE, SCHEMA_FILE, avro_flights, write_schemas
from bench.landing.members import Progress, together
from bench.landing.records import STREAM_FILE, fill_topic
from bench.peers import python_or_said
from bench.training.measure import Family
from infra.bring.jars import bring
from infra.settings import Settings
from pipeline.settings import kafka_settings

HERE = Path(__file__).parent
BARE_RUNS = 3
OWN_SCRIPTS = {"quix": HERE / "quix_sink.py", "spark": HERE / "spark_streaming.py"}
SPARK = "Spark Structured Streaming"
SPARK_KAFKA = HERE / "spark_kafka" / "jars.lock"


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


def _run(contender: str, stream: Path, rows: int, python: str = sys.executable, *more: str) -> subprocess.Popen[str]:
    script = [str(OWN_SCRIPTS[contender])] if contender in OWN_SCRIPTS else ["-m", "bench.landing.contenders"]
    arguments = [contender, str(stream), str(rows), *more]
    return subprocess.Popen([python, *script, *arguments], stdout=subprocess.PIPE, text=True, env=os.environ)


def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = process.communicate(timeout=1_800)
    if process.returncode:
        raise SystemExit("a contender failed")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _result(process: subprocess.Popen[str]) -> Result:
    return Result(**_said(process))


def _with_jvm(process: subprocess.Popen[str]) -> Result:
    """Return the result with what all of its processes took, from their start on."""
    family = Family(process.pid)
    found = _result(process)
    cpu_s, peak_mb = family.end()
    return found._replace(cpu_s=cpu_s, peak_mb=peak_mb)


def _measure(name: str, run: Callable[[], Result], found: dict[str, Result]) -> None:
    found[name] = result = run()
    cpu_us = 1e6 * result.cpu_s / result.records
    print(
        f"{name:32} {result.records_s:>12,.0f} records/s {result.seconds:>8.1f} s "
        f"{cpu_us:>6.2f} µs CPU/record {result.peak_mb:>6.0f} MB",
        flush=True,
    )
    record.fact(name, records_s=result.records_s, seconds=result.seconds, cpu_us=cpu_us, peak_mb=result.peak_mb)


def main() -> None:
    """Fill the topics, run the contenders one after the other, tell the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--rows", type=int, default=112_000, help="rows of a batch")
    options.add_argument("--formats-only", action="store_true", help="JSON and Avro alone")
    options.add_argument("--tenfold-only", action="store_true", help="memory at ten times the records alone")
    options.add_argument("--members-only", action="store_true", help="two members beside one, at six times the records")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), chosen.rows)
        if chosen.members_only:
            # Enough that both are still at work after a heartbeat has told the first that there is a second.
            bench.members(bench.topic(6 * chosen.records, 2))
            return
        one = bench.topic(chosen.records)
        if chosen.tenfold_only:
            bench.tenfold(one, bench.topic(10 * chosen.records))
            return
        bench.formats(one, chosen.records)
        if not chosen.formats_only:
            bench.peers(one)


class Bench:
    """One run: its contenders, one after the other, and what each was measured to do."""

    def __init__(self, directory: Path, rows: int) -> None:
        self._directory, self._rows = directory, rows
        self._found: dict[str, Result] = {}

    def topic(self, count: int, partitions: int = 1, records: list[bytes] | None = None) -> str:
        """Return a new topic of ``count`` records."""
        name = f"bench-{uuid.uuid4().hex[:10]}"
        mean = fill_topic(kafka_settings(), name, count, partitions, records)
        print(f"{count:,} records of {mean:.0f} bytes on {partitions} partitions")
        return name

    def formats(self, one: str, count: int) -> None:
        """Landing beside the bare loop, and of Avro beside JSON."""
        for turn in range(BARE_RUNS):
            self._alone(f"bare consume() {turn + 1}", "bare", one)
        ours = self._alone("landing", "ours", one)
        bare = max(result.records_s for name, result in self._found.items() if name.startswith("bare"))
        record.figure("landing.of_bare", 100 * ours.records_s / bare)
        record.figure("landing.mb", ours.peak_mb)
        write_schemas(self._directory)
        for figure, file in (("landing.avro", SCHEMA_FILE), ("landing.avro_array", NESTED_FILE)):
            of_avro = self.topic(count, records=avro_flights(array=file == NESTED_FILE))
            found = self._alone(f"landing, {file}", "ours", of_avro, f"{{format: avro, schema_file: {file}}}")
            record.figure(figure, found.records_s / ours.records_s)

    def peers(self, one: str) -> None:
        """What others land the same topic with."""
        ours = self._found["landing"].records_s
        loop = self._alone("json.loads, one at a time", "one_at_a_time", one)
        record.figure("landing.of_one_at_a_time", ours / loop.records_s)
        if quix := python_or_said("Quix Streams' S3FileSink", HERE / "peers" / "quix.txt"):
            found = self._alone("Quix Streams' S3FileSink", "quix", one, python=str(quix))
            record.figure("landing.of_quix", ours / found.records_s)
        if spark := python_or_said(SPARK, HERE / "peers" / "spark.txt"):
            jars = ",".join(str(jar) for jar in bring(SPARK_KAFKA, Settings().cache).glob("*.jar"))
            stream = _stream_file(self._directory, one)
            run = partial(_run, "spark", stream, self._rows, str(spark), jars)
            _measure(SPARK, lambda: _with_jvm(run()), self._found)

    def members(self, two: str) -> None:
        """Two members on two partitions, between two turns of one, of which the better counts."""
        turns = {"landing, one member": 1, "landing, two members": 2, "landing, one member again": 1}
        rates: dict[int, float] = {}
        for name, count in turns.items():
            stream = _stream_file(self._directory, two)
            _measure(name, partial(_together, stream, self._rows, count), self._found)
            rates[count] = max(rates.get(count, 0.0), self._found[name].records_s)
        record.figure("landing.members.two", rates[2] / rates[1])

    def tenfold(self, one: str, ten: str) -> None:
        """Memory, as the topic grows."""
        once, tenfold = self._alone("landing", "ours", one), self._alone("landing, ten times the records", "ours", ten)
        record.figure("landing.tenfold.mb", tenfold.peak_mb / once.peak_mb)

    def _alone(
        self, name: str, contender: str, topic: str, records: str = "{}", python: str = sys.executable
    ) -> Result:
        stream = _stream_file(self._directory, topic, records)
        _measure(name, lambda: _result(_run(contender, stream, self._rows, python)), self._found)
        return self._found[name]


def _together(stream: Path, rows: int, members: int) -> Result:
    said = [_said(process) for process in [_run("member", stream, rows) for _ in range(members)]]
    found = together([[Progress(*step) for step in each["progress"]] for each in said])
    return Result(**found._asdict(), peak_mb=max(each["peak_mb"] for each in said))


if __name__ == "__main__":
    main()
