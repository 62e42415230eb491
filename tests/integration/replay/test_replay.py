"""Replay to a real broker: every row once, in order, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.line import Line, record


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


def test_records_of_others_in_between_do_not_send_a_file_again(line: Line, file: Path) -> None:
    line.run("replay", "--file", str(file), "--limit", "10")
    line.send([record(7)])
    code, said = line.run("replay", "--file", str(file), "--limit", "15")
    assert code == 0
    assert "sent 5 rows" in said and "10 were there already" in said


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


@pytest.fixture
def timed_file(tmp_path: Path) -> Path:
    """Rows at 0, 10, 5 and 20 s after noon: the third is a step back."""
    path = tmp_path / "timed.csv"
    rows = [f"{n},{n / 2},row,2020-01-01T12:00:{second:02}\n" for n, second in enumerate((0, 10, 5, 20))]
    path.write_text("n,x,s,t\n" + "".join(rows))
    return path


NOON_MS = 1_577_880_000_000


def _timestamps(line: Line) -> list[int]:
    with line.group_member("look") as consumer:
        _, high = consumer.get_watermark_offsets(TopicPartition(line.name, 0), timeout=10)
        consumer.assign([TopicPartition(line.name, 0, 0)])
        found: list[int] = []
        while len(found) < high:
            found.extend(message.timestamp()[1] for message in consumer.consume(high, 1.0))
        return found


def test_speed_paces_by_event_time_and_never_sleeps_for_a_step_back(line: Line, timed_file: Path) -> None:
    line.event_time = True
    code, said = line.run("replay", "--file", str(timed_file), "--speed", "10x")
    assert (code, said) == (0, f"sent 4 rows of timed.csv to topic {line.name}\n")
    sent = _timestamps(line)
    assert sent == sorted(sent)
    # 20 s of the stream, ten times as fast; the broker has the time at which each row was sent.
    assert 900 <= sent[1] - sent[0] < 2_000
    assert sent[2] - sent[1] < 900
    assert 1_900 <= sent[3] - sent[0] < 4_000


def test_records_stamped_with_event_time_make_windows_of_it(line: Line, timed_file: Path) -> None:
    line.event_time = True
    assert line.run("replay", "--file", str(timed_file), "--stamp")[0] == 0
    assert _timestamps(line) == [NOON_MS + second * 1000 for second in (0, 10, 5, 20)]
    line.land("--window", "10s")
    assert [(manifest.window, manifest.rows) for manifest in line.manifests()] == [(0, 1), (1, 2), (2, 1)]
    line.assert_proved(range(4))


def test_stamps_are_refused_where_retention_would_delete_the_records(line: Line, timed_file: Path) -> None:
    line.event_time = True
    line.make_topic(config={"retention.ms": "86400000"})
    code, said = line.run("replay", "--file", str(timed_file), "--stamp")
    assert code == 1
    assert "--stamp needs retention.ms=-1" in said
    assert _sent(line) == {0: []}


def test_future_stamps_are_refused_before_anything_is_sent(line: Line, timed_file: Path) -> None:
    line.event_time = True
    with timed_file.open("a") as file:
        file.write("4,2,row,2999-01-01T00:00:00\n")
    line.make_topic(config={"retention.ms": "-1"})
    code, said = line.run("replay", "--file", str(timed_file), "--stamp")
    assert code == 1
    assert "row 4 (from 0) is 2999-01-01T00:00:00Z" in said
    assert _sent(line) == {0: []}


def test_speed_needs_an_event_time(line: Line, file: Path) -> None:
    code, said = line.run("replay", "--file", str(file), "--speed", "60x")
    assert code == 1
    assert "need `event_time`" in said
