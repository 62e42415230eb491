"""Replay to a real broker: every row once, in order, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.line import Line


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> Line:
    return Line(services, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("n,x,s\n" + "".join(f"{n},{n / 2},row {n}\n" for n in range(5_000)))
    return path


def _sent(line: Line) -> dict[int, list[int]]:
    """Return per partition the numbers in its records, in order."""
    consumer = Consumer(
        {"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "group.id": f"{line.name}-look"}
    )
    try:
        partitions = consumer.list_topics(line.name, timeout=10).topics[line.name].partitions
        return {lane: list(_numbers(consumer, line.name, lane)) for lane in partitions}
    finally:
        consumer.close()


def _numbers(consumer: Consumer, topic: str, lane: int) -> Iterator[int]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, lane), timeout=10)
    consumer.assign([TopicPartition(topic, lane, low)])
    deadline = time.monotonic() + 30
    while low < high:
        assert time.monotonic() < deadline
        for message in consumer.consume(1_000, 0.2):
            assert message.error() is None
            value = message.value()
            assert value is not None
            low += 1
            yield orjson.loads(value)["n"]


def test_rows_in_order_as_the_stream_file_says(line: Line, file: Path) -> None:
    code, said = line.run("replay", "--file", str(file))
    assert (code, said) == (0, f"sent 5,000 rows of rows.csv to topic {line.name}\n")
    assert _sent(line) == {0: list(range(5_000))}


def test_again_sends_nothing_unless_told_to(line: Line, file: Path) -> None:
    line.run("replay", "--file", str(file), "--limit", "10")
    code, said = line.run("replay", "--file", str(file), "--limit", "15")
    assert code == 0
    assert "sent 5 rows" in said
    assert "10 were there already" in said
    assert _sent(line) == {0: list(range(15))}
    line.run("replay", "--file", str(file), "--limit", "5", "--again")
    assert _sent(line) == {0: [*range(15), *range(5)]}


@pytest.mark.parametrize("partitions", [1, 3])
def test_killed_and_started_again_every_row_is_sent_once(line: Line, file: Path, partitions: int) -> None:
    arguments = ("replay", "--file", str(file), "--partitions", str(partitions))
    code, _ = line.run(*arguments, SWATHE_FAULT="replay-thousand:3")
    assert code == -9
    code, _ = line.run(*arguments)
    assert code == 0
    sent = _sent(line)
    assert sent == {lane: list(range(lane, 5_000, partitions)) for lane in range(partitions)}


def test_a_rate_is_kept(line: Line, file: Path) -> None:
    began = time.monotonic()
    code, _ = line.run("replay", "--file", str(file), "--limit", "300", "--rate", "200", "--jitter")
    assert code == 0
    # 300 random pauses of 5 ms on average: 1.5 s, and far from none.
    assert time.monotonic() - began > 1.0
    assert _sent(line) == {0: list(range(300))}


def test_a_bad_row_stops_the_replay_and_is_named(line: Line, file: Path) -> None:
    lines = file.read_text().splitlines()
    lines[3] = "2,abc,row"
    file.write_text("\n".join(lines))
    code, said = line.run("replay", "--file", str(file))
    assert code == 1
    assert "rows.csv:4: column 'x': unreadable cell 'abc'" in said
    code, said = line.run("replay", "--file", str(file), "--skip-bad")
    assert code == 0
    assert "skipped 1 rows" in said
    assert _sent(line) == {0: [n for n in range(5_000) if n != 2]}


def test_kafka_down(line: Line, file: Path) -> None:
    began = time.monotonic()
    code, said = line.run("replay", "--file", str(file), SWATHE_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert code == 1
    assert "kafka does not answer at 127.0.0.1:1" in said
    assert "python -m infra up" in said
    assert time.monotonic() - began < 10


def test_a_misspelt_setting_is_refused(line: Line, file: Path) -> None:
    code, said = line.run("replay", "--file", str(file), SWATHE_BUCKT="x")
    assert code == 1
    assert "SWATHE_BUCKT; did you mean SWATHE_BUCKET?" in said
