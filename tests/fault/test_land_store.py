"""The object store answers badly, late or not at all; the rows are compared."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.fault.proxy import Fault, faulty_proxy
from tests.line import Line, record, wait_for


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> Line:
    return Line(services, tmp_path)


@pytest.mark.parametrize(
    ("spoiled", "fault"),
    [
        ("/lane%3D", "500"),
        ("/lane%3D", "409"),
        ("/lane%3D", "lost"),
        ("/_batches/", "reset"),
        ("/_batches/", "lost"),
        *(pytest.param("/lane%3D", fault, marks=pytest.mark.long) for fault in ("503", "reset", "stall")),
        *(pytest.param("/_batches/", fault, marks=pytest.mark.long) for fault in ("500", "503", "409", "stall")),
    ],
)
def test_puts_of_parts_and_manifests_go_wrong(line: Line, fault: Fault, spoiled: str) -> None:
    line.make_topic()
    line.send(value for n in range(250) for value in (record(n), *([b"poison"] if n % 100 == 0 else [])))
    # More than the client's own three attempts, once.
    with faulty_proxy(line.services["AWS_ENDPOINT_URL_S3"], [fault] * 4, spoiled) as proxy:
        said = line.land(AWS_ENDPOINT_URL_S3=proxy.url)
    assert proxy.met == [fault] * 4
    assert "landed 250 rows in 3 batches, rejected 3" in said
    line.assert_proved(range(250))
    assert [manifest.rows for manifest in line.manifests()] == [100, 100, 50]


def test_sigterm_does_not_wait_for_a_store_that_is_silent(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(250))
    with faulty_proxy(line.services["AWS_ENDPOINT_URL_S3"], ["silence"] * 9, "/lane%3D") as proxy:
        process = line.start("land", AWS_ENDPOINT_URL_S3=proxy.url)
        wait_for(lambda: proxy.met)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, line.log.read_text()
    line.land()
    line.assert_proved(range(250))


def test_a_store_that_is_silent_from_the_start_is_named_within_10_seconds(line: Line) -> None:
    line.make_topic()
    with faulty_proxy(line.services["AWS_ENDPOINT_URL_S3"], ["silence"] * 9, "/") as proxy:
        began = time.monotonic()
        code, said = line.run("land", AWS_ENDPOINT_URL_S3=proxy.url)
    assert code == 1 and f"minio does not answer at {proxy.url}" in said
    assert time.monotonic() - began < 15


def test_a_topic_made_again_while_it_is_landed_stops_the_line(line: Line) -> None:
    line.make_topic()
    line.send(record(n) for n in range(100))
    process = line.start("land")
    wait_for(lambda: len(line.manifests()) == 1)
    line.delete_topic()
    line.make_topic()
    # More than the old topic held: offsets alone would not tell.
    line.send(record(1000 + n) for n in range(350))
    assert process.wait(40) == 1, line.log.read_text()
    said = line.log.read_text()
    assert "made again" in said or "has no topic" in said, said
    assert "Traceback" not in said, said
    assert {row["n"] for manifest in line.manifests() for part in manifest.parts for row in line._read(part.key)} == {
        *range(100)
    }


def test_group_offsets_deleted(line: Line) -> None:
    line.make_topic(partitions=2)
    line.send((record(n) for n in range(120)), 0)
    line.land()
    line.delete_group_offsets()
    line.send((record(n) for n in range(120, 200)), 1)
    line.land()
    line.assert_proved(range(200))
