"""`python -m pipeline replay`."""

from __future__ import annotations

import itertools
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import orjson
from confluent_kafka import KafkaError, Message, Producer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contract.errors import ConfigurationError, ServiceDownError, SourceFileError
from contract.stream import Stream
from pipeline.fault import fault_point
from pipeline.replay.event_time import column_of, event_ms, refuse_unstampable
from pipeline.replay.pace import EventPace, Pace
from pipeline.replay.source import SourceRow, default_path, fingerprint, read_rows
from pipeline.replay.topic import HEADER, Origin, ensure_topic, make_producer, next_rows, refuse_retention
from pipeline.settings import kafka_settings
from pipeline.stream_file import load_stream

logger = logging.getLogger(__name__)

_POLL_EVERY = 1_000
_FLUSH_S = 120.0


@dataclass
class _Sending:
    """Sends rows and counts what becomes of them."""

    producer: Producer
    topic: str
    source: str
    next_rows: list[int]
    sent: int = 0
    already_there: int = 0
    failed: int = 0
    first_failure: str = ""
    bad: int = 0
    first_bad: SourceFileError | None = None

    def holds(self, row: SourceRow) -> bool:
        """Count and tell whether the topic holds ``row`` already."""
        if row.number < self.next_rows[row.number % len(self.next_rows)]:
            self.already_there += 1
            return True
        return False

    def send(self, row: SourceRow, timestamp_ms: int = 0) -> None:
        """Queue ``row``; a timestamp of 0 lets the producer stamp it."""
        partitions = len(self.next_rows)
        lane = row.number % partitions
        value = orjson.dumps(row.values)
        headers: list[tuple[str, str | bytes | None]] = [(HEADER, Origin(self.source, row.number, partitions).header())]
        deadline = time.monotonic() + _FLUSH_S
        while True:
            try:
                self.producer.produce(
                    self.topic, value, str(row.number).encode(), lane,
                    on_delivery=self._delivered, headers=headers, timestamp=timestamp_ms,
                )  # fmt: skip
                break
            except BufferError:
                if time.monotonic() > deadline:
                    raise ServiceDownError("kafka", self.topic, "no row was acknowledged in time") from None
                self.producer.poll(0.05)
        self.sent += 1
        if self.sent % _POLL_EVERY == 0:
            self.producer.poll(0)
            fault_point("replay-thousand")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        if error is not None:
            self.failed += 1
            self.first_failure = self.first_failure or error.str()

    def finish(self) -> int:
        """Wait for the acknowledgements; return how many rows have none."""
        return self.producer.flush(_FLUSH_S) + self.failed


@dataclass(frozen=True)
class _Pacing:
    """When rows are sent, and what time their records carry."""

    pace: Pace
    event_pace: EventPace | None
    column: str | None
    stamp: bool

    def send(self, sending: _Sending, row: SourceRow, stop: threading.Event) -> None:
        at = event_ms(row, self.column) if self.column is not None else None
        if self.event_pace is not None and (wait_s := self.event_pace.due_in(at, time.monotonic())):
            sending.producer.poll(0)
            if stop.wait(wait_s):
                return
        sending.send(row, at or 0 if self.stamp else 0)
        if self.pace.wait():
            sending.producer.poll(0)


class _Speed(click.ParamType[float]):
    name = "factor"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            factor = float(str(value).removesuffix("x"))
        except ValueError:
            factor = 0.0
        if not 0 < factor < math.inf:
            self.fail(f"{value!r} is not a factor, such as 3600x", param, ctx)
        return factor


SPEED = _Speed()


def _readable_rows(path: Path, stream: Stream, limit: int | None, *, skip_bad: bool) -> Iterator[SourceRow]:
    def on_bad(error: SourceFileError) -> None:
        if not skip_bad:
            raise error

    return itertools.takewhile(lambda row: limit is None or row.number < limit, read_rows(path, stream, on_bad))


@click.command()
@click.option("--stream", "stream_path", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--file", "file_path", help="CSV (plain, .gz, .zip) or .parquet; default: the stream file's `source`.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Rows a second; default: as fast as it goes.")
@click.option("--jitter", is_flag=True, help="Pause randomly between rows, as a live stream does.")
@click.option("--speed", type=SPEED, help="Pace by the event-time column, e.g. 3600x: an hour of it in a second.")
@click.option("--stamp", is_flag=True, help="Stamp records with their event time, so that windows go by it.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first rows of the file.")
@click.option("--partitions", type=click.IntRange(min=1), default=1, show_default=True, help="If the topic is made.")
@click.option("--skip-bad", is_flag=True, help="Count and report rows that cannot be read, instead of stopping.")
@click.option("--again", is_flag=True, help="Send the whole file anew, whatever the topic holds of it.")
def replay(  # noqa: PLR0917 - click hands over one argument an option
    stream_path: str,
    file_path: str | None,
    rate: float | None,
    jitter: bool,
    speed: float | None,
    stamp: bool,
    limit: int | None,
    partitions: int,
    skip_bad: bool,
    again: bool,
) -> None:
    """Send a data file to the topic, row by row and in order. A replay that was killed goes on where it was."""
    stream = load_stream(stream_path)
    path = Path(file_path) if file_path else default_path(stream)
    source = fingerprint(path)
    settings = kafka_settings()
    if speed and (rate or jitter):
        raise ConfigurationError("--speed paces by the event time, --rate and --jitter by the clock: give one of them")
    column = column_of(stream) if speed or stamp else None
    if column is not None and stamp:
        refuse_unstampable(_readable_rows(path, stream, limit, skip_bad=skip_bad), column, str(path))
    count = ensure_topic(stream.topic, partitions, settings)
    if stamp:
        refuse_retention(stream.topic, settings)
    starts = list(range(count)) if again else next_rows(stream.topic, source, count, settings)
    sending = _Sending(make_producer(settings), stream.topic, source, starts)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        pacing = _Pacing(Pace(rate, jitter=jitter), EventPace(speed) if speed else None, column, stamp=stamp)
        _send_all(sending, path, stream, pacing, limit, skip_bad=skip_bad, stop=stop)
    finally:
        unacknowledged = sending.finish()
        _report(sending, path, unacknowledged, settings["bootstrap.servers"])
    if stop.is_set():
        click.echo("stopped before the end of the file; the same command goes on from here", err=True)
        sys.exit(130)


def _send_all(
    sending: _Sending,
    path: Path,
    stream: Stream,
    pacing: _Pacing,
    limit: int | None,
    *,
    skip_bad: bool,
    stop: threading.Event,
) -> None:
    def on_bad(error: SourceFileError) -> None:
        if not skip_bad:
            raise error
        sending.bad += 1
        sending.first_bad = sending.first_bad or error

    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("rows", total=limit)
        for row in read_rows(path, stream, on_bad):
            if stop.is_set() or (limit is not None and row.number >= limit):
                break
            if not sending.holds(row):
                pacing.send(sending, row, stop)
            if row.number % _POLL_EVERY == 0:
                progress.update(task, completed=row.number)


def _report(sending: _Sending, path: Path, unacknowledged: int, address: str) -> None:
    said = f"sent {sending.sent - unacknowledged:,} rows of {path.name} to topic {sending.topic}"
    if sending.already_there:
        said += f"; {sending.already_there:,} were there already"
    click.echo(said)
    if sending.bad:
        click.echo(f"skipped {sending.bad:,} rows that cannot be read; the first: {sending.first_bad}", err=True)
    if unacknowledged:
        reason = sending.first_failure or "no acknowledgement in time"
        raise ServiceDownError("kafka", address, f"{unacknowledged:,} rows were not acknowledged: {reason}")
