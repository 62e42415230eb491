"""A stream of a test's own on the real services: its topic, its commands, and what has landed of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from confluent_kafka import Consumer, ConsumerGroupState, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]
from pydantic import SecretStr

from contract.batch import Manifest, manifest_from_json, manifest_prefix
from pipeline.object_store import ObjectStore
from pipeline.settings import StoreSettings

ROOT = Path(__file__).resolve().parent.parent
COMMAND_S = 120.0

STREAM = """
name: {name}
topic: {name}
records: {records}
columns:
  n: {{type: int64, required: true}}
  x: {{type: float64}}
  s: {{type: string}}
cut: {cut}
rejects: {{max_share: {max_share}, min_records: 100, max_record_bytes: {max_record_bytes}}}
features: [x]
model: {{k: 2}}
"""


@dataclass
class Line:
    """One stream: record n is ``{"n": n, "x": n / 2, "s": "row n"}``."""

    services: Mapping[str, str]
    directory: Path
    cut: str = "{rows: 100}"
    max_share: float = 0.5
    max_record_bytes: str = "1MB"
    records: str = "{}"
    event_time: bool = False
    """Whether rows have a column `t` that says when they happened."""
    name: str = field(default_factory=lambda: f"t-{uuid.uuid4().hex[:12]}")

    @property
    def file(self) -> Path:
        """The stream file."""
        path = self.directory / f"{self.name}.yaml"
        text = STREAM.format(
            name=self.name, cut=self.cut, max_share=self.max_share, max_record_bytes=self.max_record_bytes,
            records=self.records,
        )  # fmt: skip
        if self.event_time:
            text = text.replace("cut:", "  t: {type: timestamp}\nevent_time: t\ncut:")
        path.write_text(text)
        return path

    @property
    def store(self) -> ObjectStore:
        """The bucket of batches."""
        return ObjectStore(self.store_settings)

    @property
    def store_settings(self) -> StoreSettings:
        """Where the bucket of batches is."""
        return StoreSettings(
            endpoint_url=self.services["AWS_ENDPOINT_URL_S3"],
            access_key=SecretStr(self.services["AWS_ACCESS_KEY_ID"]),
            secret_key=SecretStr(self.services["AWS_SECRET_ACCESS_KEY"]),
        )

    def make_topic(self, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Make the topic; like replay's, it drops nothing by the age of its records, which tests choose freely."""
        admin = AdminClient({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
        topic = NewTopic(self.name, partitions, config={"retention.ms": "-1", **(config or {})})
        admin.create_topics([topic])[self.name].result(20)

    def add_partitions(self, total: int) -> None:
        """Give the topic more partitions, ``total`` in all."""
        admin = AdminClient({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
        admin.create_partitions([NewPartitions(self.name, total)])[self.name].result(20)

    def members(self) -> int:
        """Return how many members of the landing group hold lanes, once the group has settled; until then 0."""
        admin = AdminClient({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
        group = f"swathe-{self.name}"
        found = admin.describe_consumer_groups([group], request_timeout=20)[group].result()
        if found.state != ConsumerGroupState.STABLE:
            return 0
        return sum(bool(member.assignment.topic_partitions) for member in found.members)

    def delete_topic(self) -> None:
        """Delete the topic."""
        admin = AdminClient({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
        admin.delete_topics([self.name])[self.name].result(20)

    def send(self, values: Iterable[bytes | None], partition: int = 0, timestamps_ms: Sequence[int] = ()) -> int:
        """Send records; return how many."""
        producer = Producer({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "acks": "all"})
        count = 0
        for value in values:
            # 0 lets the producer stamp the record.
            timestamp = timestamps_ms[count] if timestamps_ms else 0
            producer.produce(self.name, value, f"k{count}".encode(), partition, timestamp=timestamp)
            count += 1
        assert producer.flush(60) == 0
        return count

    def delete_records_before(self, offset: int, partition: int = 0) -> None:
        """Delete records as retention does."""
        admin = AdminClient({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
        wanted = TopicPartition(self.name, partition, offset)
        admin.delete_records([wanted])[wanted].result(20)

    def commit(self, group: str, offset: int, partition: int = 0) -> None:
        """Commit an offset for ``group``."""
        with self.group_member(group) as consumer:
            consumer.commit(offsets=[TopicPartition(self.name, partition, offset)], asynchronous=False)

    def committed(self, group: str, partition: int = 0) -> int:
        """Return the offset that ``group`` has committed."""
        with self.group_member(group) as consumer:
            return int(consumer.committed([TopicPartition(self.name, partition)], timeout=20)[0].offset)

    def delete_group_offsets(self) -> None:
        """Delete all that the landing group has committed."""
        admin = AdminClient({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
        group = f"swathe-{self.name}"
        admin.delete_consumer_groups([group], request_timeout=20)[group].result()
        assert self.committed(group) < 0

    @contextmanager
    def group_member(self, group: str) -> Iterator[Consumer]:
        """Give a consumer that knows ``group`` and has not joined it."""
        consumer = Consumer({"bootstrap.servers": self.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "group.id": group})
        try:
            yield consumer
        finally:
            consumer.close()

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command on this line."""
        return {**os.environ, **self.services, **more}

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start `python -m pipeline …` on this stream."""
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline", *arguments, "--stream", str(self.file)],
                cwd=ROOT, env=self.environment(**more), stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        """Where the commands of this line write what they say."""
        return self.directory / f"{self.name}.log"

    def run(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Run `python -m pipeline …` on this stream; return its exit code and what it said."""
        before = self.log.stat().st_size if self.log.exists() else 0
        process = self.start(*arguments, **more)
        try:
            code = process.wait(COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{arguments} did not end in {COMMAND_S} s: {self.log.read_text()}") from None
        said = self.log.read_bytes()[before:].decode()
        # Whatever a command meets, it says what, and in no thread of it an error is nobody's.
        assert "Traceback" not in said, said
        return code, said

    def land(self, *arguments: str, **more: str) -> str:
        """Land all there is; return what was said."""
        code, said = self.run("land", "--exit-when-idle", "1s", *arguments, **more)
        assert code == 0, said
        return said

    def manifests(self) -> list[Manifest]:
        """Return the sealed batches, in order."""
        found = []
        for entry in self.store.list_objects(manifest_prefix(self.name)):
            body = self.store.get(entry.key)
            assert body is not None
            found.append(manifest_from_json(body[0], entry.key))
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of all batches, in the order of batches, lanes and offsets, then what was landed again."""
        return [row for manifest in self.manifests() for held in manifest.objects for row in self._read(held.key)]

    def rejects(self) -> list[dict[str, Any]]:
        """Return the rejected records that parts of batches name."""
        keys = [part.rejects.key for manifest in self.manifests() for part in manifest.parts if part.rejects]
        return [row for key in keys for row in self._read(key)]

    def _read(self, key: str) -> list[dict[str, Any]]:
        body = self.store.get(key)
        assert body is not None, key
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(body[0])).to_pylist()
        return rows

    def assert_proved(self, sent: Iterable[int] | None = None) -> dict[str, Any]:
        """Assert that `verify` holds against the topic, and that just the rows ``sent`` have landed, once each."""
        code, said = self.run("verify", "--json", "--against-topic")
        assert code == 0, said
        if sent is not None:
            assert Counter(row["n"] for row in self.rows()) == Counter(sent)
        # What takes long says on the other stream how far it is.
        proof: dict[str, Any] = json.loads(said[said.index("{") :])
        return proof


def wait_for(condition: Callable[[], object], within_s: float = 40) -> None:
    """Wait until ``condition`` holds; fail after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def record(n: int) -> bytes:
    """Return record ``n`` as JSON."""
    return b'{"n":%d,"x":%s,"s":"row %d"}' % (n, repr(n / 2).encode(), n)
