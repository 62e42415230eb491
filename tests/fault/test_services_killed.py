"""The object store and the broker are killed under load and started again by their supervisor."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.line import Line, record, wait_for
from tests.services import infra, port_block, settings_for

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of services of this module's own, which may be killed."""
    with port_block() as ports:
        settings = settings_for(tmp_path_factory.mktemp("services") / "data", ports)
        try:
            infra("up", "--without", "serving", environ=settings)
            yield settings
        finally:
            infra("down", environ=settings)


@pytest.fixture
def line(chosen: dict[str, str], tmp_path: Path) -> Line:
    environment: dict[str, str] = json.loads(infra("env", "--json", environ=chosen).stdout)
    return Line(environment, tmp_path)


def _process_id(chosen: Mapping[str, str], service: str) -> int | None:
    """Return the process id of ``service`` while it answers."""
    said = infra("status", "--json", environ=chosen, check=False).stdout
    found = next(entry for entry in json.loads(said) if entry["service"] == service)
    return int(found["pid"]) if found["answers"] and found["pid"] else None


@pytest.mark.parametrize("service", ["minio", "kafka"])
def test_a_service_is_killed_under_load_and_comes_back(line: Line, chosen: dict[str, str], service: str) -> None:
    line.make_topic(partitions=2)
    sent: list[int] = []
    stop = threading.Event()
    producer = Producer(
        {"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "enable.idempotence": True}
    )

    def produce() -> None:
        while not stop.is_set():
            n = len(sent)
            producer.produce(line.name, record(n), b"k", n % 2)
            sent.append(n)
            producer.poll(0)
            time.sleep(0.001)

    sender = threading.Thread(target=produce)
    sender.start()
    process = line.start("land", "--rows", "500", "--max-age", "2s")
    try:
        for _ in range(2):
            before = len(line.manifests())
            wait_for(lambda before=before: len(line.manifests()) > before)  # type: ignore[misc]
            victim = _process_id(chosen, service)
            assert victim is not None
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda victim=victim: _process_id(chosen, service) not in {None, victim}, within_s=90)  # type: ignore[misc]
        before = len(line.manifests())
        wait_for(lambda: len(line.manifests()) > before + 1, within_s=90)
    finally:
        stop.set()
        sender.join()
        assert producer.flush(60) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, line.log.read_text()
    # The group may still count the member that was cut off from it, and give it a lane: what is left comes next time.
    for _ in range(5):
        line.land("--rows", "500")
        if sum(manifest.rows for manifest in line.manifests()) >= len(sent):
            break
    line.assert_proved(sent)
