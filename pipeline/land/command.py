"""`python -m pipeline land`."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from datetime import datetime

import click
from prometheus_client import CollectorRegistry

from contract import remedies
from contract.batch import Manifest
from contract.errors import ConfigurationError
from contract.stream import Cut, Stream
from contract.units import seconds, size_bytes
from pipeline.command_line import Command
from pipeline.land.broker_state import BrokerState
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read, read_start
from pipeline.land.dead_letters import DeadLetters
from pipeline.land.formats.json_records import RecordParser
from pipeline.land.group_member import GroupMember
from pipeline.land.lander import Lander
from pipeline.land.landing_counts import LandingCounts
from pipeline.land.metrics import LandingCollector, put_histogram, served
from pipeline.land.newest_parts import newest_parts
from pipeline.land.patient_store import PatientStore
from pipeline.land.progress_line import progress
from pipeline.land.topic import Topic, make_consumer, offsets_at
from pipeline.landed_types import refuse_changed_types
from pipeline.object_store import FIRST_ANSWER_S, ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.store_probe import refuse_racing_store
from pipeline.stream_file import load_stream

logger = logging.getLogger(__name__)


# Told apart from an error, after which landing again would do the same: these records have landed.
ALL_REJECTED = 3


class _Unit(click.ParamType[float]):
    """A duration or a size, as in the stream file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return seconds(str(value)) if self.name == "duration" else size_bytes(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION, SIZE = _Unit("duration"), _Unit("size")


@click.command(cls=Command)
@click.option("--stream", "stream_path", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--rows", type=click.IntRange(min=1), help="Cut a batch after this many rows, over all lanes together.")
@click.option("--bytes", "bytes_", type=SIZE, help="Cut a batch after this many bytes of records, e.g. 64MB.")
@click.option("--window", type=DURATION, help="Cut by this stretch of record time, e.g. 5m.")
@click.option("--max-age", type=DURATION, help="Cut when a batch's first row is this old, e.g. 30s.")
@click.option("--idle", type=DURATION, help="Cut when no record came for this long, e.g. 10s.")
@click.option("--exit-when-idle", type=DURATION, help="Land the tail and leave after this long without a record.")
@click.option("--dlq", is_flag=True, help="Produce rejected records to <topic>.dlq as well.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve Prometheus metrics on this loopback port.")
@click.option("--from", "start", help="Where a new chain begins: earliest (the default), latest, or a time.")
def land(  # noqa: PLR0917 - click hands over one argument an option
    stream_path: str,
    rows: int | None,
    bytes_: int | None,
    window: float | None,
    max_age: float | None,
    idle: float | None,
    exit_when_idle: float | None,
    dlq: bool,
    metrics_port: int | None,
    start: str | None,
) -> None:
    """Land the topic's records as batches. A flag about the cut replaces all of the stream file's `cut`.

    Exits with 3 if it came to the end, records landed, and every one of them was rejected; with 1 after any error.
    """
    stream = load_stream(stream_path)
    flags = {"rows": rows, "bytes": bytes_, "window": window, "max_age": max_age, "idle": idle}
    cut = stream.cut
    if any(value is not None for value in flags.values()):
        # It is no rule of its own: how wrong clocks can be does not depend on the flags.
        ahead = {"max_ahead": stream.cut.max_ahead} if window is not None else {}
        cut = Cut.model_validate({**flags, **ahead})
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    member = prepare(
        stream, cut, start=_start(start), exit_when_idle_s=exit_when_idle, stop=stop, dlq=dlq, stream_path=stream_path
    )
    member.lander.on_batch = _show_batch
    shown = progress(member.lander, member.landing, lambda: member.store.failure)
    with served(_metrics(member, stream.name), metrics_port), shown:
        member.landing.run()
    _summarise(member.lander.counts, stream_path)
    _say_absent(member.lander.counts, stream)
    code = ALL_REJECTED if member.landing.came_to_end and member.lander.counts.rejected_all else 0
    if not member.landing.left:
        # A thread waits for a service; the interpreter's own end would wait for it too.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _start(text: str | None) -> str | int | None:
    if text is None or text in {"earliest", "latest"}:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"--from {text!r} is neither earliest, latest nor an ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ConfigurationError(f"--from {text!r} has no time zone; write 2026-01-31T12:00:00Z")
    if moment.timestamp() < 0:
        raise ConfigurationError(f"--from {text!r} is before 1970; no record is as old")
    return int(moment.timestamp() * 1000)


@dataclass(frozen=True)
class Member:
    """A member of the stream's consumer group, ready to run."""

    lander: Lander
    landing: GroupMember
    store: PatientStore


def prepare(
    stream: Stream, cut: Cut, *, start: str | int | None, exit_when_idle_s: float | None, stop: threading.Event,
    dlq: bool = False, stream_path: str = "",
) -> Member:  # fmt: skip
    """Return a member of the stream's consumer group, ready to run; ``stop`` ends it.

    Raises
    ------
    SwatheError: a service does not answer, or topic and landed objects contradict each other.
    """
    kafka, settings = kafka_settings(), store_settings()
    address = kafka["bootstrap.servers"]
    topic = Topic(stream.topic, kafka)
    topic_id, partitions = topic.describe()
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
    refuse_changed_types(
        store, stream, stream_path, newest_parts(store, stream.name, stream.topic, writer), stream.columns
    )
    patient = PatientStore(settings, stop)
    lander = Lander(
        stream, cut, store=patient, writer=writer, start=chain_start, partitions=partitions,
        topic=topic,
        dead_letters=DeadLetters(stream.topic, kafka, stop) if dlq else None,
    )  # fmt: skip
    landing = GroupMember(
        consumer, lander, RecordParser(stream),
        stream=stream.name, topic=stream.topic, group=stream.consumer_group, address=address,
        exit_when_idle_s=exit_when_idle_s, stop=stop,
        topic_id=topic_id, describe=topic.describe, broker=broker,
    )  # fmt: skip
    return Member(lander, landing, patient)


def _metrics(member: Member, stream: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(
        LandingCollector(
            member.lander,
            stream,
            lag=lambda: member.landing.lag,
            store_down=lambda: member.store.failure is not None,
            kafka_down=lambda: member.landing.broker.failure is not None,
        )
    )
    member.store.on_put = put_histogram(registry, stream).observe
    return registry


def _show_batch(batch: Manifest) -> None:
    offsets = ", ".join(f"{lane}:{first}-{end}" for lane, (first, end) in batch.offsets.items())
    rows = f"{batch.rows:,} rows" + (f", {batch.rows_again:,} of them landed again" if batch.again else "")
    click.echo(f"batch {batch.batch} of {batch.stream}: {rows}, offsets {offsets or '–'}, cut by {batch.cut}")


def _summarise(landed: LandingCounts, stream_path: str) -> None:
    said = f"landed {landed.rows:,} rows in {landed.batches.total()} batches, rejected {landed.rejected:,}"
    if landed.ignored_keys:
        said += f", ignored {landed.ignored_keys:,} keys that are not in the schema"
    if landed.late_rows:
        said += f", {landed.late_rows:,} rows were late for their window"
    if landed.early_rows:
        said += f", {landed.early_rows:,} were far ahead of their lane's clock"
    click.echo(said)
    if landed.strangers:
        click.echo(f"warning: {landed.strangers:,} rows are of records with none of the columns, all null", err=True)
    for line in landed.reasons.lines():
        click.echo(f"  {line}")
    if landed.rejected:
        click.echo(
            f"  {remedies.rejects(stream_path)} lists them; with --land-again it "
            f"lands those that parse, once the stream file is corrected"
        )


def _say_absent(landed: LandingCounts, stream: Stream) -> None:
    """Name the columns without a value in any row: most often a name that is not the producer's."""
    if landed.rows and (absent := [name for name in stream.columns if name not in landed.present]):
        names = ", ".join(map(repr, absent[:20])) + (f" and {len(absent) - 20} more" if len(absent) > 20 else "")
        click.echo(f"warning: no value of {names} came in {landed.rows:,} rows; do the records name it so?", err=True)
