"""Puts together what lands a stream in this process, and checks first that topic and landed objects agree."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from dataclasses import dataclass

from contract.stream import Stream
from contract.stream_sections import Cut
from pipeline.land.begun_topic import BegunTopic
from pipeline.land.broker_state import BrokerState
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read, read_start
from pipeline.land.dead_letters import DeadLetters
from pipeline.land.group_member import GroupMember
from pipeline.land.lag import Lag
from pipeline.land.lander import BatchLog, Lander
from pipeline.land.newest_parts import refuse_unreadable_parts
from pipeline.land.patient_store import Durations, PatientStore
from pipeline.land.record_format import record_format
from pipeline.land.schema_registry import SchemaRegistry
from pipeline.land.topic import Topic, make_consumer, offsets_at
from pipeline.object_store import FIRST_ANSWER_S, ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.store_probe import refuse_racing_store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Landing:
    """A member of the stream's consumer group, and what it works with; others read of it how landing goes."""

    member: GroupMember
    lander: Lander
    lag: Lag
    store: PatientStore
    broker: BrokerState
    registry: SchemaRegistry | None = None


def assemble(
    stream: Stream, cut: Cut, *, start: str | int | None, exit_when_idle_s: float | None, stop: threading.Event,
    dlq: bool = False, stream_path: str = "", batch_log: BatchLog | None = None, put_durations: Durations | None = None,
) -> Landing:  # fmt: skip
    """Return a member of the stream's consumer group, ready to run, and what it works with; ``stop`` ends it.

    Raises
    ------
    SwatheError: a service does not answer, or topic and landed objects contradict each other.
    """
    kafka, settings = kafka_settings(), store_settings()
    records, registry = record_format(stream, stream_path, stop)
    address = kafka["bootstrap.servers"]
    topic = Topic(stream.topic, kafka)
    topic_id, partitions = topic.describe_new()
    # What is wrong at the start is said at once; later the line waits.
    store = ObjectStore(settings, attempts=1, read_timeout_s=FIRST_ANSWER_S)
    store.ensure_bucket()
    refuse_racing_store(store)
    broker = BrokerState()
    consumer = make_consumer(kafka, stream.consumer_group, broker.note_error)
    if start is not None and read_start(store, stream.name) is not None:
        logger.warning(
            "--from is not used: stream %r was begun before, and goes on where its chain ends; give the stream file "
            "another `name` to begin a new chain",
            stream.name,
        )
    starts = offsets_at(consumer, stream.topic, partitions, start or "earliest", address)
    chain_start = begin_or_read(store, stream.name, stream.topic, topic_id, starts)
    writer = Writer(f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}", topic_id)
    refuse_unreadable_parts(store, stream, stream_path, writer)
    begun_topic = BegunTopic(topic, topic_id, stream, address, stop)
    patient = PatientStore(settings, stop, put_durations)
    lander = Lander(
        stream, cut, store=patient, writer=writer, start=chain_start, partitions=partitions,
        # What was fetched of another topic under this name cannot be older than this check's answer.
        topic=topic, topic_check=begun_topic,
        dead_letters=DeadLetters(stream.topic, kafka, stop) if dlq else None, batch_log=batch_log,
        hint=records.why_no_column,
    )  # fmt: skip
    lag = Lag(consumer, stream.topic, lander.lanes, broker)
    member = GroupMember(
        consumer, lander, records,
        topic=begun_topic, broker=broker, lag=lag, exit_when_idle_s=exit_when_idle_s, stop=stop,
        keys_are_values=stream.written.key is not None,
    )  # fmt: skip
    return Landing(member, lander, lag, patient, broker, registry)
