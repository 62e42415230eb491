"""What is measured, each in a process of its own: prints how it came on, CPU time and peak memory as one JSON line."""

from __future__ import annotations

import io
import json
import resource
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bench.landing.members import Progress
from contract.stream_sections import Cut
from pipeline.columns import part_schema
from pipeline.land.assemble import assemble
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.lander import Lander
from pipeline.land.topic import make_consumer
from pipeline.object_store import ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.stream_file import load_stream

IDLE_S = 1.0
# A member must not leave while the group is still dealing out its lanes.
MEMBER_IDLE_S = 8.0


class Puts:
    """When PUTs ended."""

    def __init__(self) -> None:
        self.ended: list[float] = []

    def observe(self, seconds: float) -> None:  # noqa: ARG002 - landing tells how long it took
        """Take in one PUT, which ends now."""
        self.ended.append(time.perf_counter())


class Run(NamedTuple):
    """What one process landed, between two moments of the clock that all processes share, in seconds."""

    records: int
    began: float
    ended: float


class Member(NamedTuple):
    """How one process of several came on: before it took its first records, and after each time."""

    progress: list[Progress]


def bare(stream_path: str, rows: int) -> Run:  # noqa: ARG001 - all contenders are called alike
    """Consume and throw away, with landing's own consumer settings."""
    stream = load_stream(stream_path)
    consumer = make_consumer(kafka_settings(), f"bare-{uuid.uuid4().hex}")
    _assign_all(consumer, stream.topic)
    began = ended = 0.0
    count = 0
    while not began or time.perf_counter() - ended < IDLE_S:
        messages = consumer.consume(10_000, 0.05)
        records = sum(message.error() is None for message in messages) if len(messages) < 10 else len(messages)
        if records:
            ended = time.perf_counter()
            began = began or ended
            count += records
    consumer.close()
    return Run(count, began, ended)


def one_at_a_time(stream_path: str, rows: int) -> Run:
    """The loop that people write: poll, json.loads, append; a Parquet object for every ``rows``."""
    stream = load_stream(stream_path)
    store = ObjectStore(store_settings())
    schema = part_schema(stream)
    schema = pa.schema([schema.field(name) for name in stream.columns])
    schema = schema.set(schema.get_field_index("time_hour"), pa.field("time_hour", pa.string()))
    consumer = make_consumer(kafka_settings(), f"loop-{uuid.uuid4().hex}")
    _assign_all(consumer, stream.topic)
    began = ended = 0.0
    count = 0
    waiting: list[dict[str, object]] = []
    while not began or time.perf_counter() - ended < IDLE_S:
        message = consumer.poll(0.05)
        if message is None or message.error() is not None:
            continue
        value = message.value()
        began = began or time.perf_counter()
        waiting.append(json.loads(value or b"null"))
        count += 1
        if len(waiting) == rows:
            body = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(waiting, schema=schema), body, compression="zstd")
            store.put(f"bench/{uuid.uuid4().hex}.parquet", body.getvalue())
            waiting = []
        ended = time.perf_counter()
    consumer.close()
    return Run(count, began, ended)


def ours(stream_path: str, rows: int) -> Run:
    """`python -m pipeline land`, from the first record fetched to the last manifest sealed."""
    landed = _land(stream_path, rows)
    # The tail waits for the topic to be idle; everything else is work.
    first, *_, last = landed.progress
    return Run(landed.rows, first.moment, last.moment + landed.tail_s)


def member(stream_path: str, rows: int) -> Member:
    """One of several."""
    return Member(_land(stream_path, rows, MEMBER_IDLE_S).progress)


class _Landed(NamedTuple):
    """Rows, how their records were taken, and how long the tail took from when it was begun, in seconds."""

    rows: int
    progress: list[Progress]
    tail_s: float


def _land(stream_path: str, rows: int, idle_s: float = IDLE_S) -> _Landed:
    """Land all there is."""
    progress: list[Progress] = []
    tails: list[float] = []
    puts = Puts()
    take, land_tail = Lander.take, Lander.land_tail

    def timed_take(self: Lander, fetched: FetchedRecords) -> None:
        if not progress:
            progress.append(Progress(time.perf_counter(), 0, cpu_s()))
        take(self, fetched)
        progress.append(Progress(time.perf_counter(), progress[-1].records + len(fetched.offsets), cpu_s()))

    def timed_tail(self: Lander) -> bool:
        tails.append(time.perf_counter())
        return land_tail(self)

    Lander.take, Lander.land_tail = timed_take, timed_tail  # type: ignore[method-assign]
    landing = assemble(
        load_stream(stream_path), Cut(rows=rows), start="earliest", exit_when_idle_s=idle_s, stop=threading.Event(),
        stream_path=stream_path, put_durations=puts,
    )  # fmt: skip
    landing.member.run()
    # Without a tail, the last record completed the last batch; without a PUT, another member had taken all.
    tail_s = max(0.0, puts.ended[-1] - tails[0]) if puts.ended else 0.0
    return _Landed(landing.lander.counts.rows, progress, tail_s)


def _assign_all(consumer: object, topic: str) -> None:
    from confluent_kafka import Consumer, TopicPartition

    assert isinstance(consumer, Consumer)
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])


CONTENDERS: dict[str, Callable[[str, int], Run | Member]] = {
    "bare": bare,
    "one_at_a_time": one_at_a_time,
    "ours": ours,
    "member": member,
}


def cpu_s() -> float:
    """Return the process's user and system time so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """Return the process's peak memory; getrusage would report its parent's, which exec does not reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


if __name__ == "__main__":
    run = CONTENDERS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    print(json.dumps({**run._asdict(), "cpu_s": cpu_s(), "peak_mb": peak_mb()}))
