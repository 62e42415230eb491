"""Several members of one consumer group: batches over all lanes together, whoever comes and goes."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.line import Line, record, wait_for

# A killed member's lanes are given to the others after this long.
SHORT_SESSION = {"SWATHE_KAFKA_SESSION_TIMEOUT_MS": "6000"}


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> Line:
    return Line(services, tmp_path)


@contextmanager
def _members(line: Line, count: int, *arguments: str, **more: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run ``count`` members until the block ends; each has to leave with exit code 0 then."""
    members = [line.start("land", *arguments, **more) for _ in range(count)]
    try:
        yield members
    finally:
        for member in members:
            if member.poll() is None:
                member.send_signal(signal.SIGTERM)
        codes = [member.wait(20) for member in members]
    assert codes == [0] * count, line.log.read_text()


def _landed(line: Line) -> int:
    return sum(manifest.rows for manifest in line.manifests())


def _writers(line: Line) -> set[str]:
    return {part.writer for manifest in line.manifests() for part in manifest.parts}


@contextmanager
def _sending(line: Line, lanes: int, *, rows: int = 100) -> Iterator[list[int]]:
    """Send ``rows`` numbers to one lane after the other until the block ends."""
    sent: list[int] = []
    stop = threading.Event()

    def produce() -> None:
        while not stop.is_set():
            numbers = range(len(sent), len(sent) + rows)
            line.send((record(n) for n in numbers), partition=len(sent) // rows % lanes)
            sent.extend(numbers)
            stop.wait(0.1)

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        yield sent
    finally:
        stop.set()
        producer.join()


def test_two_members_share_batches_that_overshoot_by_less_than_a_part(line: Line) -> None:
    line.make_topic(partitions=4)
    with _members(line, 2, "--rows", "1000", "--idle", "2s"):
        # Both have lanes before there is anything to land.
        with _sending(line, 4, rows=50) as sent:
            wait_for(lambda: len(_writers(line)) == 2 and len(line.manifests()) >= 3)
        wait_for(lambda: _landed(line) == len(sent))
    line.assert_proved(range(len(sent)))
    by_rows = [manifest for manifest in line.manifests() if manifest.cut == "rows"]
    assert by_rows
    for manifest in by_rows:
        assert 1000 <= manifest.rows < 1000 + max(part.rows for part in manifest.parts)


def test_members_do_not_alternate_batches_that_time_cuts(line: Line) -> None:
    line.make_topic(partitions=2)
    with _members(line, 2, "--idle", "3s"):
        wait_for(lambda: line.members() == 2)
        for lane in (0, 1):
            line.send((record(lane * 100 + n) for n in range(40)), lane)
        wait_for(lambda: _landed(line) == 80)
    assert [(manifest.rows, manifest.cut) for manifest in line.manifests()] == [(80, "idle")]
    assert len(_writers(line)) == 2
    line.assert_proved([*range(40), *range(100, 140)])


def test_members_that_leave_when_idle_leave_together(line: Line) -> None:
    line.make_topic(partitions=2)
    line.send((record(n) for n in range(150)), 0)
    line.send((record(n) for n in range(150, 300)), 1)
    members = [line.start("land", "--exit-when-idle", "1s") for _ in range(2)]
    assert [member.wait(60) for member in members] == [0, 0], line.log.read_text()
    line.assert_proved(range(300))


@pytest.mark.parametrize("members", [2, 3])
def test_skewed_and_empty_lanes(line: Line, members: int) -> None:
    line.make_topic(partitions=3)
    with _members(line, members, "--rows", "300", "--max-age", "3s"):
        wait_for(lambda: line.members() == members)
        line.send((record(n) for n in range(2000)), 0)
        line.send((record(n) for n in range(2000, 2010)), 1)
        wait_for(lambda: _landed(line) == 2010)
    line.assert_proved(range(2010))
    assert all(manifest.rows >= 300 for manifest in line.manifests() if manifest.cut == "rows")


def test_a_window_waits_for_the_other_member_and_not_for_an_empty_lane(line: Line) -> None:
    line.make_topic(partitions=3)
    start = 1_700_000_000_000
    with _members(line, 2, "--window", "10s"):
        wait_for(lambda: line.members() == 2)
        # A row in each lane before any lane has a window behind it: nobody waits for a lane that is empty.
        for lane, seconds in ((0, range(1)), (1, range(45)), (0, range(1, 45))):
            line.send((record(lane * 100 + n) for n in seconds), lane, [start + n * 1000 for n in seconds])
        wait_for(lambda: len(line.manifests()) >= 4)
    wanted = [manifest.window for manifest in line.manifests() if manifest.window is not None]
    assert wanted == sorted(set(wanted)), "a window made two batches"
    line.land("--window", "10s")
    line.assert_proved([*range(45), *range(100, 145)])


def test_a_window_does_not_wait_for_lanes_that_go_on_behind_it(line: Line) -> None:
    line.make_topic(partitions=3)
    start = 1_700_000_000_000
    with _members(line, 3, "--window", "5m"):
        wait_for(lambda: line.members() == 3)
        # Minutes of record time: the second window has rows in the first lane only, and no member knows two lanes.
        # Each lane's first window first: nobody waits for a lane that is empty, and rows that come later are late.
        minutes_by_lane = ((0, 1), (0, 2), (0, 3)), ((5, 6, 10), (11,), (12,))
        for lane, minutes in ((lane, minutes) for lanes in minutes_by_lane for lane, minutes in enumerate(lanes)):
            line.send((record(lane * 100 + n) for n in minutes), lane, [start + n * 60_000 for n in minutes])
        wait_for(lambda: len(line.manifests()) == 2)
    assert [(manifest.window, manifest.rows) for manifest in line.manifests()] == [(0, 6), (1, 2)]
    line.land("--window", "5m")
    line.assert_proved([0, 1, 5, 6, 10, 100, 102, 111, 200, 203, 212])


def test_partitions_added_later_join(line: Line) -> None:
    line.make_topic(partitions=1)
    refresh = {"SWATHE_KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000"}
    with _members(line, 2, "--rows", "100", "--idle", "1s", **refresh):
        line.send(record(n) for n in range(150))
        wait_for(lambda: _landed(line) == 150)
        line.add_partitions(3)
        line.send((record(n) for n in range(150, 400)), 2)
        wait_for(lambda: _landed(line) == 400)
    line.assert_proved(range(400))


def test_a_killed_members_lanes_go_on_elsewhere(line: Line) -> None:
    line.make_topic(partitions=4)
    with _members(line, 1, "--rows", "500", "--idle", "1s", **SHORT_SESSION):
        victim = line.start("land", "--rows", "500", "--idle", "1s", **SHORT_SESSION)
        try:
            with _sending(line, 4) as sent:
                wait_for(lambda: len(_writers(line)) == 2)
                victim.send_signal(signal.SIGKILL)
                assert victim.wait(10) == -9
                before = _landed(line)
                wait_for(lambda: _landed(line) > before)
            wait_for(lambda: _landed(line) == len(sent))
        finally:
            victim.kill()
            victim.wait()
    line.assert_proved(range(len(sent)))


@pytest.mark.long
def test_members_join_and_leave_every_two_seconds_for_a_minute(line: Line) -> None:
    line.make_topic(partitions=4)
    chance = random.Random(4)
    arguments = ("land", "--rows", "700", "--max-age", "5s")
    stopped: list[subprocess.Popen[bytes]] = []
    with _members(line, 1, *arguments[1:], **SHORT_SESSION), _sending(line, 4) as sent:
        visitors: list[subprocess.Popen[bytes]] = []
        for turn in range(30):
            if len(visitors) < 2:
                visitors.append(line.start(*arguments, **SHORT_SESSION))
            else:
                visitor = visitors.pop(chance.randrange(2))
                visitor.send_signal(signal.SIGKILL if turn % 6 == 5 else signal.SIGTERM)
                stopped.append(visitor)
            threading.Event().wait(2)
        for visitor in visitors:
            visitor.send_signal(signal.SIGTERM)
        for visitor in [*visitors, *stopped]:
            # -15: it was told to leave before it had begun.
            assert visitor.wait(20) in {0, -9, -15}, line.log.read_text()
    line.land("--rows", "700", **SHORT_SESSION)
    line.assert_proved(range(len(sent)))
