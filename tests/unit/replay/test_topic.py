"""What the topic holds is read whole, or not believed: a broker that falls silent is not an end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from contract.errors import ServiceDownError
from contract.origin import Origin
from pipeline.replay import records_between as between
from pipeline.replay import topic
from pipeline.replay.records_between import records_between
from pipeline.replay.topic import held, origins_of

SOURCE = "ab" * 8
RECORDS = 1_000
# librdkafka's own broker, in a process that can be stopped; the last record is of another file.
BROKER = f"""
import sys
from confluent_kafka import Producer
from contract.origin import HEADER, Origin
producer = Producer({{"test.mock.num.brokers": 1, "batch.num.messages": 10}})
for row in range({RECORDS}):
    source = "{SOURCE}" if row < {RECORDS} - 1 else "cd" * 8
    header = Origin(source, row, 1, "00" * 12, row).header()
    producer.produce("t", b"x" * 1000, b"%d" % row, 0, headers=[(HEADER, header)])
    producer.poll(0)
assert producer.flush(20) == 0
broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
print(f"{{broker.host}}:{{broker.port}}", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def broker() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    with subprocess.Popen(
        [sys.executable, "-c", BROKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        # So that one fetch is far from all.
        small = {"fetch.message.max.bytes": "5000", "queued.min.messages": "1", "queued.max.messages.kbytes": "5"}
        yield process, {"bootstrap.servers": process.stdout.readline().strip(), **small}
        process.send_signal(signal.SIGCONT)
        process.terminate()


def test_a_broker_that_falls_silent_is_not_the_end_of_the_topic(
    broker: tuple[subprocess.Popen[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, settings = broker
    (whole,) = held("t", (SOURCE,), 1, settings)
    assert whole.last[SOURCE] == Origin(SOURCE, RECORDS - 2, 1, "00" * 12, RECORDS - 2)
    assert len(list(origins_of("t", SOURCE, 1, settings))) == RECORDS - 1
    # Offsets without a record, as of transactions, lie before the end: it is told, not waited for.
    consumer = topic._consumer(settings)
    assert len(list(records_between(consumer, "t", 0, 0, RECORDS + 5, timeout_s=topic.TIMEOUT_S))) == RECORDS
    few = records_between(consumer, "t", 0, 3, 10, timeout_s=topic.TIMEOUT_S, at_once=4)
    assert [message.offset() for message in few] == [*range(3, 10)]
    consumer.close()
    monkeypatch.setattr(topic, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(between, "_MOMENT_S", 0.005)
    origins = origins_of("t", SOURCE, 1, settings)
    next(origins)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(ServiceDownError, match=r"no record of partition 0 from offset .* for 1 s"):
        list(origins)
