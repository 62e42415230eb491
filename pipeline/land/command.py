"""`python -m pipeline land`."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from datetime import datetime

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contract.errors import ConfigurationError
from contract.stream import Cut, Stream
from contract.units import seconds, size_bytes
from pipeline.land.chain import Writer
from pipeline.land.consume import Landing
from pipeline.land.lander import Landed, Lander
from pipeline.land.parse import RecordParser
from pipeline.land.patience import PatientStore
from pipeline.land.start import begin_or_read
from pipeline.land.topic import Topic, make_consumer, offsets_at
from pipeline.object_store import ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.stream_file import load_stream

logger = logging.getLogger(__name__)


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


@click.command()
@click.option("--stream", "stream_path", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--rows", type=click.IntRange(min=1), help="Cut a batch after this many rows, over all lanes together.")
@click.option("--bytes", "bytes_", type=SIZE, help="Cut a batch after this many bytes of records, e.g. 64MB.")
@click.option("--window", type=DURATION, help="Cut by this stretch of record time, e.g. 5m.")
@click.option("--max-age", type=DURATION, help="Cut when a batch's first row is this old, e.g. 30s.")
@click.option("--idle", type=DURATION, help="Cut when no record came for this long, e.g. 10s.")
@click.option("--exit-when-idle", type=DURATION, help="Land the tail and leave after this long without a record.")
@click.option("--from", "start", default="earliest", help="Where a new chain begins: earliest, latest, or a time.")
def land(  # noqa: PLR0917 - click hands over one argument an option
    stream_path: str,
    rows: int | None,
    bytes_: int | None,
    window: float | None,
    max_age: float | None,
    idle: float | None,
    exit_when_idle: float | None,
    start: str,
) -> None:
    """Land the topic's records as batches. A flag about the cut replaces all of the stream file's `cut`."""
    stream = load_stream(stream_path)
    flags = {"rows": rows, "bytes": bytes_, "window": window, "max_age": max_age, "idle": idle}
    cut = Cut.model_validate(flags) if any(value is not None for value in flags.values()) else stream.cut
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    lander, landing = prepare(stream, cut, start=_start(start), exit_when_idle_s=exit_when_idle, stop=stop)
    with _progress(lander, landing):
        landing.run()
    _summarise(stream, lander.landed)


def _start(text: str) -> str | int:
    if text in {"earliest", "latest"}:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"--from {text!r} is neither earliest, latest nor an ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ConfigurationError(f"--from {text!r} has no time zone; write 2026-01-31T12:00:00Z")
    return int(moment.timestamp() * 1000)


def prepare(
    stream: Stream, cut: Cut, *, start: str | int, exit_when_idle_s: float | None, stop: threading.Event
) -> tuple[Lander, Landing]:
    """Return a member of the stream's consumer group, ready to run; ``stop`` ends it.

    Raises
    ------
    SwatheError: a service does not answer, or topic and landed objects contradict each other.
    """
    kafka, settings = kafka_settings(), store_settings()
    address = kafka["bootstrap.servers"]
    topic_id, partitions = Topic(stream.topic, kafka).describe()
    # What is wrong at the start is said at once; later the line waits.
    store = ObjectStore(settings)
    store.ensure_bucket()
    store.refuse_unconditional_store()
    consumer = make_consumer(kafka, stream.consumer_group)
    starts = offsets_at(consumer, stream.topic, partitions, start, address)
    chain_start = begin_or_read(store, stream.name, stream.topic, topic_id, starts)
    writer = Writer(f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}", topic_id)
    lander = Lander(
        stream, cut, store=PatientStore(settings, stop), writer=writer, start=chain_start, partitions=partitions
    )
    landing = Landing(
        consumer, lander, RecordParser(stream),
        stream=stream.name, topic=stream.topic, group=stream.consumer_group, address=address,
        exit_when_idle_s=exit_when_idle_s, stop=stop,
    )  # fmt: skip
    return lander, landing


def _progress(lander: Lander, landing: Landing) -> Progress:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = progress.add_task("landing")

    def show() -> None:
        done = lander.landed
        text = f"{done.rows:,} rows landed · {lander.open_rows:,} open · batch {len(done.batches)}"
        progress.update(task, description=f"{text} · {done.rejected:,} rejected" if done.rejected else text)

    landing.show = show
    return progress


def _summarise(stream: Stream, landed: Landed) -> None:
    for batch in landed.batches:
        offsets = ", ".join(f"{lane}:{first}-{end}" for lane, (first, end) in batch.offsets.items())
        click.echo(f"batch {batch.batch} of {stream.name}: {batch.rows:,} rows, offsets {offsets}, cut by {batch.cut}")
    said = f"landed {landed.rows:,} rows in {len(landed.batches)} batches, rejected {landed.rejected:,}"
    if landed.ignored_keys:
        said += f", ignored {landed.ignored_keys:,} keys that are not in the schema"
    if landed.late_rows:
        said += f", {landed.late_rows:,} rows were late for their window"
    click.echo(said)
