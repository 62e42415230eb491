"""Landing is killed at every point where something could be lost or doubled; the rows are compared."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.line import Line, record, wait_for

# The same static member takes its lanes back at once; another one has to wait for the session to end.
SAME_MEMBER = {"SWATHE_KAFKA_GROUP_INSTANCE_ID": "the-only-one"}
SHORT_SESSION = {"SWATHE_KAFKA_SESSION_TIMEOUT_MS": "6000", "SWATHE_KAFKA_MAX_POLL_INTERVAL_MS": "6000"}


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> Line:
    return Line(services, tmp_path)


@pytest.mark.parametrize(
    ("point", "passage"),
    [
        *itertools.product(["before-part", "after-part", "after-rejects", "before-manifest", "after-manifest"], [1, 2]),
        # Several parts that land quickly are committed at once, so there may be no second passage.
        ("before-commit", 1),
    ],
)
def test_killed_at_a_named_point(line: Line, point: str, passage: int) -> None:
    line.make_topic(partitions=2)
    for lane in (0, 1):
        numbers = range(lane * 1000, lane * 1000 + 150)
        line.send((value for n in numbers for value in (record(n), *([b"poison"] if n % 50 == 0 else []))), lane)
    code, said = line.run("land", "--exit-when-idle", "1s", SWATHE_FAULT=f"{point}:{passage}", **SAME_MEMBER)
    assert code == -9, said
    line.land(**SAME_MEMBER)
    line.assert_proved([*range(150), *range(1000, 1150)])
    assert [manifest.rows for manifest in line.manifests()] == [100, 100, 100]
    assert sorted(reject["_offset"] for reject in line.rejects()) == sorted([1, 52, 103] * 2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("point", "passage"),
    [("before-part", 1), ("after-part", 2), ("after-rejects", 1), ("before-manifest", 1), ("after-manifest", 2)],
)
def test_killed_among_tombstones(line: Line, point: str, passage: int) -> None:
    line.records = "{tombstones: skip}"
    line.make_topic(partitions=2)
    for lane in (0, 1):
        values: list[bytes | None] = []
        for n in range(lane * 1000, lane * 1000 + 150):
            values += [record(n), *([None] * (n % 3)), *([b"poison"] if n % 50 == 0 else [])]
        line.send(values, lane)
    code, said = line.run("land", "--exit-when-idle", "1s", SWATHE_FAULT=f"{point}:{passage}", **SAME_MEMBER)
    assert code == -9, said
    line.land(**SAME_MEMBER)
    proof = line.assert_proved([*range(150), *range(1000, 1150)])
    assert [manifest.rows for manifest in line.manifests()] == [100, 100, 100]
    lanes = proof["lanes"].values()
    assert [(lane["skipped"], lane["rejected"], lane["gap_records"]) for lane in lanes] == [(150, 3, 0)] * 2


@pytest.mark.long
def test_twenty_random_kills_under_load(line: Line) -> None:
    line.make_topic(partitions=2)
    sent: list[int] = []
    stop = threading.Event()

    def produce() -> None:
        while not stop.is_set():
            first = len(sent)
            numbers = range(first, first + 200)
            line.send((record(n) for n in numbers), partition=first // 200 % 2)
            sent.extend(numbers)
            stop.wait(0.05)

    chance = random.Random(20)
    producer = threading.Thread(target=produce)
    producer.start()
    try:
        for _ in range(20):
            process = line.start("land", "--rows", "700", **SAME_MEMBER)
            time.sleep(chance.uniform(0.5, 3.0))
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -9
    finally:
        stop.set()
        producer.join()
    line.land("--rows", "700", **SAME_MEMBER)
    line.assert_proved(sent)
    assert {manifest.rows for manifest in line.manifests()[:-1]} == {700}


@pytest.mark.long
def test_a_stalled_consumer_wakes_up_after_another_took_over(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(150))
    stalled = line.start("land", **SHORT_SESSION)
    try:
        wait_for(lambda: len(line.manifests()) == 1)
        stalled.send_signal(signal.SIGSTOP)
        line.send(record(n) for n in range(150, 320))
        line.land(**SHORT_SESSION)
        assert sum(manifest.rows for manifest in line.manifests()) == 320
        line.send(record(n) for n in range(320, 400))
        stalled.send_signal(signal.SIGCONT)
        # It had 50 rows open, of a part that the other one landed meanwhile.
        wait_for(lambda: sum(manifest.rows for manifest in line.manifests()) >= 320)
    finally:
        stalled.send_signal(signal.SIGCONT)
        stalled.send_signal(signal.SIGTERM)
        assert stalled.wait(15) == 0
    line.land()
    line.assert_proved(range(400))


def test_sigterm_drops_the_open_part_and_leaves_at_once(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(150))
    # Whoever does not leave the group holds its lanes for this long.
    session = {"SWATHE_KAFKA_SESSION_TIMEOUT_MS": "60000"}
    process = line.start("land", **session)
    wait_for(lambda: len(line.manifests()) == 1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 10
    assert [manifest.rows for manifest in line.manifests()] == [100]
    # The group was left, so that nobody has to wait for the session to end.
    began = time.monotonic()
    line.land(**session)
    assert time.monotonic() - began < 40
    line.assert_proved(range(150))
