"""Landing on a real broker and a real MinIO: rows are compared, never files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import cast

import httpx
import pytest
from confluent_kafka import TopicPartition

from contract.errors import ConfigurationError
from pipeline.land.topic import Topic
from tests.line import ROOT, Line, record, wait_for
from tests.services import port_block


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> Line:
    return Line(services, tmp_path)


def test_rows_cut_exactly_and_the_tail_lands(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(250))
    assert "landed 250 rows in 3 batches" in line.land()
    assert [(m.batch, m.rows, m.cut) for m in line.manifests()] == [(1, 100, "rows"), (2, 100, "rows"), (3, 50, "idle")]
    assert [row["n"] for row in line.rows()] == list(range(250))
    row = line.rows()[7]
    assert (row["x"], row["s"], row["_partition"], row["_offset"], row["_key"]) == (3.5, "row 7", 0, 7, b"k7")
    line.assert_proved(range(250))


def test_landing_goes_on_where_it_stopped(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(120))
    line.land()
    assert "landed 0 rows" in line.land()
    line.send(record(n) for n in range(120, 200))
    line.land()
    assert [m.rows for m in line.manifests()] == [100, 20, 80]
    line.assert_proved(range(200))


def test_many_partitions_are_cut_together(line: Line) -> None:
    line.make_topic(partitions=4)
    line.send((record(n) for n in range(300)), partition=0)
    line.send((record(n) for n in range(300, 330)), partition=2)
    line.land()
    assert [m.rows for m in line.manifests()] == [100, 100, 100, 30]
    line.assert_proved(range(330))


def test_bytes_cut(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(1000, 1100))
    size = sum(len(record(n)) for n in range(1000, 1050))
    line.land("--bytes", str(size))
    assert [(m.rows, m.cut) for m in line.manifests()] == [(50, "bytes"), (50, "bytes")]
    line.assert_proved(range(1000, 1100))


def test_windows_of_record_time(line: Line) -> None:
    line.make_topic(partitions=2)
    start = 1_700_000_000_000
    line.send((record(n) for n in range(60)), 0, [start + n * 1000 for n in range(60)])
    late = [start + n * 1000 for n in (0, 25, 5, 45)]
    line.send((record(n) for n in range(60, 64)), 1, late)
    line.land("--window", "20s")
    batches = {m.batch: m for m in line.manifests()}
    assert sum(m.rows for m in batches.values()) == 64
    first = {row["n"] for part in batches[1].parts for row in line._read(part.key)}
    # The origin is the first record read, of whichever lane; both lanes begin at the same time here.
    assert first == {*range(20), 60}
    assert sum(part.late_rows for m in batches.values() for part in m.parts) == 1
    line.assert_proved(range(64))


def test_one_clock_that_is_ahead_does_not_end_the_windows_before_it(line: Line) -> None:
    line.make_topic()
    line.cut = "{window: 1h}"
    start, minute, hour = 1_700_000_000_000, 60_000, 3_600_000
    # A day, a record each minute; one of them says that it is 20 hours later, and for six hours nothing comes.
    minutes = [n for n in range(24 * 60) if not 15 * 60 <= n < 21 * 60]
    line.send((record(n) for n in minutes), 0, [start + n * minute + (20 * hour if n == 400 else 0) for n in minutes])
    # Killed in the middle: the next owner knows the clock from the chain.
    same = {"SWATHE_KAFKA_GROUP_INSTANCE_ID": "the-only-one"}
    code, said = line.run("land", "--exit-when-idle", "1s", SWATHE_FAULT="before-part:7", **same)
    assert code == -9, said
    assert "1 were far ahead of their lane's clock" in line.land(**same)
    assert [(m.window, m.rows) for m in line.manifests()] == [(n, 60) for n in (*range(15), *range(21, 24))]
    assert [(m.batch, part.early_rows) for m in line.manifests() for part in m.parts if part.early_rows] == [(7, 1)]
    assert sum(part.late_rows for m in line.manifests() for part in m.parts) == 0
    line.assert_proved(minutes)


def test_an_old_batch_is_cut_while_nothing_follows(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(30))
    process = line.start("land", "--max-age", "1s")
    try:
        wait_for(lambda: len(line.manifests()) == 1)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert [(m.rows, m.cut) for m in line.manifests()] == [(30, "max_age")]
    line.assert_proved(range(30))


def test_poison_is_rejected_with_its_reason_and_the_rest_lands(line: Line) -> None:
    line.make_topic()
    poison: list[bytes | None] = [
        b"not json", None, b"", b"null", b"[]",
        b'{"n": "1"}', b'{"x": 1}', b'{"n":1}{"n":2}', b'{"n":1,"x":NaN}', b"\xff",
    ]  # fmt: skip
    mix = [value for n in range(200) for value in (record(n), *([poison[n]] if n < len(poison) else []))]
    line.send(mix)
    said = line.land()
    assert f"rejected {len(poison)}" in said
    line.assert_proved(range(200))
    rejects = line.rejects()
    assert [reject["value"] for reject in rejects] == poison
    assert [reject["_offset"] for reject in rejects] == [2 * i + 1 for i in range(len(poison))]
    reasons = " | ".join(reject["reason"] for reject in rejects)
    for said in (
        "not JSON",
        "tombstone",
        "empty",
        "not an object",
        "Column(/n)",
        "'n' is required",
        "not one JSON object",
    ):
        assert said in reasons, reasons


def test_oversized_records_are_rejected(line: Line) -> None:
    line.make_topic()
    line.max_record_bytes = "1KB"
    line.send([record(1), b'{"n":2,"s":"' + b"a" * 2000 + b'"}', record(3)])
    line.land()
    line.assert_proved([1, 3])
    (reject,) = line.rejects()
    assert reject["_offset"] == 1
    assert reject["reason"] == "oversized: the value has 2014 bytes, 1000 are taken"


def _dead_letters(line: Line) -> list[tuple[object, bytes | None, dict[str, bytes]]]:
    """Return key, value and headers of each record in the dead letter topic."""
    with line.group_member("look") as consumer:
        partition = TopicPartition(f"{line.name}.dlq", 0, 0)
        _, high = consumer.get_watermark_offsets(partition, timeout=10)
        consumer.assign([partition])
        found: list[tuple[object, bytes | None, dict[str, bytes]]] = []
        while len(found) < high:
            for message in consumer.consume(high, 1.0):
                assert message.error() is None
                found.append((message.key(), message.value(), dict(cast("list[tuple[str, bytes]]", message.headers()))))
        return found


def test_rejects_go_to_the_dead_letter_topic_as_well(line: Line) -> None:
    line.make_topic(partitions=2)
    line.send([record(1), b"poison", None], 1)
    line.land("--dlq")
    first, second = _dead_letters(line)
    assert first[:2] == (f"{line.name}-1-1".encode(), b"poison")
    assert {name: value for name, value in first[2].items() if name != "reason"} == {
        "topic": line.name.encode(),
        "partition": b"1",
        "offset": b"1",
    }
    assert first[2]["reason"].startswith(b"not JSON")
    assert second[:2] == (f"{line.name}-1-2".encode(), None)
    line.land("--dlq")
    assert len(_dead_letters(line)) == 2
    line.assert_proved([1])


@pytest.mark.parametrize("point", ["after-part", "after-manifest", "before-commit"])
def test_killed_before_the_dead_letters_were_sent_they_are_sent_later(line: Line, point: str) -> None:
    line.make_topic()
    line.send([record(1), b"poison", record(2)])
    same = {"SWATHE_KAFKA_GROUP_INSTANCE_ID": "the-only-one"}
    code, _ = line.run("land", "--exit-when-idle", "1s", "--dlq", SWATHE_FAULT=point, **same)
    assert code == -9
    line.land("--dlq", **same)
    letters = _dead_letters(line)
    assert {key for key, _, _ in letters} == {f"{line.name}-0-1".encode()}
    line.assert_proved([1, 2])


def test_metrics_say_what_landed(line: Line) -> None:
    line.make_topic()
    line.send([*(record(n) for n in range(120)), b"poison"])
    with port_block() as (port, *_):
        process = line.start("land", "--metrics-port", str(port))

        def metric(name: str) -> float | None:
            try:
                text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            except httpx.TransportError:
                return None
            found = re.search(rf"^swathe_land_{name} (\S+)$", text, re.MULTILINE)
            return float(found[1]) if found else None

        stream = f'stream="{line.name}"'
        try:
            wait_for(lambda: metric(f"open_rows{{{stream}}}") == 20)
            assert metric(f"rows_total{{{stream}}}") == 100
            assert metric(f'batches_total{{cut="rows",{stream}}}') == 1
            assert metric(f"rejected_records_total{{{stream}}}") == 0
            assert (metric(f"put_seconds_count{{{stream}}}") or 0) >= 2
            assert (metric(f"open_age_seconds{{{stream}}}") or 0) > 0
            assert metric(f"conflicts_adopted_total{{{stream}}}") == 0
            assert metric(f"store_down{{{stream}}}") == 0
            wait_for(lambda: metric(f'lag_records{{partition="0",{stream}}}') == 21)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    # No terminal: log lines instead of the progress line.
    assert "part landed; key=" in line.log.read_text()


def test_a_terminal_shows_how_far_landing_is(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(150))
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "pipeline", "land", "--stream", str(line.file), "--exit-when-idle", "1s"]
    environment = line.environment(TERM="xterm", COLUMNS="200", CI="")
    with line.log.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=theirs)
    os.close(theirs)
    shown = b""
    # A terminal whose other side has gone answers with an error.
    with suppress(OSError):
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    assert process.wait(10) == 0, shown
    said = shown.decode()
    assert "100 rows landed" in said and "50 open for" in said and "1 batches" in said
    # What is printed goes where standard output goes, also while the line is shown.
    printed = line.log.read_text()
    assert "part landed" not in said and "landed 150 rows in 2 batches" in printed and "batch 1 of" in printed


def test_keys_beyond_the_schema_are_counted(line: Line) -> None:
    line.make_topic()
    line.send(b'{"n":%d,"new":true}' % n for n in range(10))
    assert "ignored about 10 keys" in line.land()
    line.assert_proved(range(10))


def test_a_broken_schema_stops_the_line_and_loses_nothing(line: Line) -> None:
    line.make_topic()
    line.send(b'{"m":%d}' % n for n in range(150))
    code, said = line.run("land", "--exit-when-idle", "1s")
    assert code == 1
    assert "150 of the last 150 records" in said and "Traceback" not in said and "Exception in thread" not in said
    assert "150 × column 'n' is required, and absent (the first: lane 0, offset 0)" in said
    assert line.manifests() == []
    line.max_share = 1.0
    assert line.run("land", "--exit-when-idle", "1s")[0] == 3
    line.send(record(n) for n in range(100))
    line.land()
    line.assert_proved(range(100))
    assert len(line.rejects()) == 150


def test_a_topic_made_again_stops_the_line(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(10))
    line.land()
    line.delete_topic()
    wait_for(lambda: "no topic" in line.run("land", "--exit-when-idle", "1s")[1])
    line.make_topic()
    line.send(record(n) for n in range(10))
    code, said = line.run("land", "--exit-when-idle", "1s")
    assert code == 1
    assert "deleted and made again" in said
    assert [m.rows for m in line.manifests()] == [10]


def test_records_lost_to_retention_are_named(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(10))
    line.land()
    line.send(record(n) for n in range(10, 20))
    line.delete_records_before(15)
    code, said = line.run("land", "--exit-when-idle", "1s")
    assert code == 1
    assert "offsets 10 to 14" in said
    assert [m.rows for m in line.manifests()] == [10]


def test_a_commit_beyond_the_chain_stops_the_line(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(20))
    line.commit(f"swathe-{line.name}", 7)
    code, said = line.run("land", "--exit-when-idle", "1s")
    assert code == 1
    assert "offsets 0 to 6 are in no part" in said


def test_group_offsets_follow_the_chain(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(20))
    line.land()
    assert line.committed(f"swathe-{line.name}") == 20


@pytest.mark.parametrize(("start", "landed"), [("latest", []), ("2023-11-14T22:13:30Z", range(10, 20))])
def test_a_new_chain_begins_where_it_is_told(line: Line, start: str, landed: Iterable[int]) -> None:
    line.make_topic()
    line.send((record(n) for n in range(20)), 0, [1_700_000_000_000 + n * 1000 for n in range(20)])
    line.land("--from", start)
    line.land()
    assert [row["n"] for row in line.rows()] == list(landed)


def test_no_topic(line: Line) -> None:
    code, said = line.run("land", "--exit-when-idle", "1s")
    assert code == 1
    assert f"no topic '{line.name}'" in said


@pytest.mark.parametrize(
    ("variable", "address", "service"),
    [
        ("SWATHE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", "kafka does not answer at 127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1", "minio does not answer at http://127.0.0.1:1"),
    ],
)
def test_a_service_that_is_down_is_named_in_time(line: Line, variable: str, address: str, service: str) -> None:
    line.make_topic()
    began = time.monotonic()
    code, said = line.run("land", "--exit-when-idle", "1s", **{variable: address})
    assert code == 1
    assert service in said
    assert "python -m infra up" in said
    assert time.monotonic() - began < 10


def test_wrong_keys_stop_the_line(line: Line) -> None:
    line.make_topic()
    code, said = line.run("land", "--exit-when-idle", "1s", AWS_SECRET_ACCESS_KEY="wrong")
    assert code == 1
    assert "refuses access" in said


def test_what_no_broker_says_of_a_partition_is_told_once(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.make_topic()
    topic = Topic(line.name, {"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    for _ in range(5):
        assert topic.high_watermarks([0, 7]) == {0: 0}
        assert topic.first_offsets_since([0, 7], 0) == {0: -1}
    (told,) = [found.getMessage() for found in caplog.records if "offset not known" in found.getMessage()]
    assert "partition=7" in told
    line.add_partitions(8)
    wait_for(lambda: topic.high_watermarks([0, 7]) == {0: 0, 7: 0})
    assert "offset known again" in caplog.text


def test_a_topic_that_is_made_as_landing_starts_is_asked_for_again(line: Line) -> None:
    """Brokers say that there is none until they were told of it."""
    topic = Topic(line.name, {"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    with pytest.raises(ConfigurationError, match="has no topic"):
        topic.describe()
    making = threading.Timer(0.5, line.make_topic)
    making.start()
    topic_id, partitions = topic.describe_new()
    making.join()
    assert (topic_id, partitions) == topic.describe() and partitions == 1


def test_verify_sees_an_altered_and_a_missing_part(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(200))
    line.land()
    first, second = (manifest.parts[0].key for manifest in line.manifests())
    body = line.store.get(first)
    assert body is not None
    line.store.put(first, body[0])
    line.store.delete(second)
    code, said = line.run("verify")
    assert code == 1
    assert first in said
    assert second in said
    assert "FAILS" in said


def test_status_shows_batches_lanes_and_lag(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(150))
    line.land()
    line.send(record(n) for n in range(150, 170))
    code, said = line.run("status", "--json")
    assert code == 0
    found = json.loads(said)
    assert [(batch["batch"], batch["rows"], batch["cut"]) for batch in found["batches"]] == [
        (1, 100, "rows"),
        (2, 50, "idle"),
    ]
    assert [(lane["landed_to"], lane["lag"], lane["high_watermark"]) for lane in found["lanes"]] == [(150, 20, 170)]
    assert found["unreachable"] == []
    assert "lag 20" in line.run("status")[1]
    code, said = line.run("status", SWATHE_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert code == 1 and "lag unknown" in said
    assert "kafka does not answer at 127.0.0.1:1" in said
    # Without the object store, the group's committed offset says how far landing has come.
    code, said = line.run("status", "--json", SWATHE_STORE_URL="http://127.0.0.1:1")
    found = json.loads(said[: said.rindex("}") + 1])
    assert code == 1 and found["batches"] == []
    assert [(lane["landed_to"], lane["lag"]) for lane in found["lanes"]] == [(150, 20)]
    assert "minio does not answer at http://127.0.0.1:1" in found["unreachable"][0], found
