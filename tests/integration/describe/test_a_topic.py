"""A topic of a real broker described: compacted, with tombstones, transactions, an empty partition, from both ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from contract.stream import parse_stream
from pipeline.describe.sample import sample_of
from tests.line import ROOT, Line, record, wait_for

COMPACTED, CHANGED, EMPTY, LONG = range(4)
COMPACTING = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "100"}


def _describe(line: Line, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", "describe", "--topic", line.name, *arguments]
    return subprocess.run(command, env=line.environment(), cwd=ROOT, capture_output=True, text=True, check=False)


def _seen(line: Line, most: int = 10_000) -> int:
    settings = {"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]}
    return len(sample_of(line.name, most, settings).values)


def _in_transactions(line: Line) -> None:
    """Send 20 records that count, and 20 that do not; a control record is the partition's last."""
    settings = {"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "transactional.id": line.name}
    producer = Producer(settings)
    producer.init_transactions(20)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for n in range(20):
            value = record(n) if end == producer.commit_transaction else b'{"gone": true}'
            producer.produce(line.name, value, f"t{n}".encode(), CHANGED)
        producer.flush(20)
        end(20)


def _fill(line: Line) -> None:
    line.make_topic(4, COMPACTING)
    for _ in range(5):
        line.send([*map(record, range(30)), *[None] * 3], COMPACTED)
    # What is written last is not compacted.
    time.sleep(0.3)
    line.send([record(99), None], COMPACTED)
    _in_transactions(line)
    places = ["first", *["between"] * 298, "last"]
    rows = [{"n": n, "x": n / 2, "s": "a", place: n} for n, place in enumerate(places)]
    line.send((json.dumps(row).encode() for row in rows), LONG)


@pytest.mark.long
def test_a_topic_is_described_as_it_is_landed(services: dict[str, str], tmp_path: Path) -> None:
    line = Line(services, tmp_path)
    _fill(line)
    sent = 5 * 33 + 2 + 20 + 300
    wait_for(lambda: _seen(line) < sent, 120)
    found = _describe(line)
    assert (found.returncode, "rejected" in found.stderr) == (0, False), found.stderr
    stream = parse_stream(found.stdout, "s.yaml")
    assert stream.records.tombstones == "skip"
    # All records were seen, though not each offset has one.
    assert {name: (column.type, column.required) for name, column in stream.columns.items()} == {
        "n": ("int64", True), "x": ("float64", True), "s": ("string", True), "first": ("int64", False),
        "between": ("int64", False), "last": ("int64", False), "record_time": ("timestamp", False),
    }  # fmt: skip
    assert list(parse_stream(_describe(line, "--records", "40").stdout, "s.yaml").columns) == [
        "n", "x", "s", "first", "between", "last", "record_time"
    ]  # fmt: skip
    assert _seen(line, 40) <= 40
    _and_against(line, found.stdout)


def _and_against(line: Line, text: str) -> None:
    file = line.directory / "described.yaml"
    file.write_text(text)
    for new, code, said in (
        (None, 0, "the same as the stream file says"), (b'{"n": 1, "x": 1.5, "s": "a", "more": 1}', 4, "more: added"),
        (b'{"n": 1.5, "x": 1.5}', 5, "n: widened"),
    ):  # fmt: skip
        line.send([] if new is None else [new], EMPTY)
        changed = _describe(line, "--against", str(file))
        assert (changed.returncode, said in changed.stdout) == (code, True), changed.stdout + changed.stderr
