"""The object store answers badly, late or not at all; the rows are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.proxy import Fault, faulty_proxy
from tests.line import Line, record


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


def test_group_offsets_deleted(line: Line) -> None:
    line.make_topic(partitions=2)
    line.send((record(n) for n in range(120)), 0)
    line.land()
    line.delete_group_offsets()
    line.send((record(n) for n in range(120, 200)), 1)
    line.land()
    line.assert_proved(range(200))
