"""`python -m pipeline replay`."""

from __future__ import annotations

import functools
import itertools
import math
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from console.commands import Command
from console.exit_codes import INTERRUPTED, TERMINATED
from console.progress import Step, put_line, step
from contract.errors import ConfigurationError, ServiceDownError, SourceFileError, StreamFileError
from contract.stream import Stream
from pipeline.replay.event_time import EventTime, event_time_of, refuse_unstampable
from pipeline.replay.header import with_stream_file
from pipeline.replay.limits import Limits, limits_of
from pipeline.replay.opened import read_once
from pipeline.replay.pace import EventPace, Pace
from pipeline.replay.place import bytes_of, default_path, fingerprint, source_id
from pipeline.replay.position import FileId, SentRow, as_sent
from pipeline.replay.record import record_of
from pipeline.replay.resume import GoOn, go_on
from pipeline.replay.rows import SourceRow
from pipeline.replay.sending import Sending
from pipeline.replay.source import read_rows
from pipeline.replay.stop import Stop
from pipeline.replay.topic import ensure_topic, make_producer, refuse_retention
from pipeline.settings import kafka_settings
from pipeline.stream_file import line_of_key, load_stream

_ANOTHER = "replay the file to a topic of its own, by a stream file without `records`"


def _refuse_other_formats(stream: Stream, stream_path: str) -> None:
    records = stream.records
    if not records.plain_json:
        key = "format" if records.format != "json" else "schema_registry"
        problem = f"replay sends JSON alone, and landing would take none of it; {_ANOTHER}"
        raise StreamFileError(stream_path, line_of_key(stream_path, "records", key), f"records.{key}: {problem}")


@dataclass(frozen=True)
class _Pacing:
    """When rows are sent, and what time their records carry."""

    pace: Pace
    event_pace: EventPace | None
    event_time: EventTime | None
    stamp: bool

    def send(self, sending: Sending, row: SentRow, stop: threading.Event) -> None:
        at = self.event_time.ms(row.row) if self.event_time is not None else None
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


class _Reading:
    """Reads the file, from its first row at each call, and counts the rows that cannot be read or sent."""

    def __init__(self, path: Path, stream: Stream, stream_path: str, shown: Step, *, skip_bad: bool) -> None:
        self._path, self._stream, self._stream_path, self._skip_bad = path, stream, stream_path, skip_bad
        self._shown = shown
        self._record = record_of(stream)
        self._rows, self._doing = 0, ""
        self.bad = 0
        self.first_bad: SourceFileError | None = None

    def rows(self) -> Iterator[SourceRow]:
        self.bad, self.first_bad = 0, None
        on_place = self._at if self._shown.unit == "bytes" else None
        for row in with_stream_file(read_rows(self._path, self._stream, self.on_bad, on_place), self._stream_path):
            self._rows = row.number + 1
            if on_place is None:
                self._shown.done = self._rows
            yield row

    def say(self, doing: str) -> None:
        """Say what the rows are read for; of bytes, how many rows they have been so far."""
        self._doing = doing
        self._shown.say(f"{doing} · {self._rows:,} rows" if self._shown.unit == "bytes" else doing)

    def _at(self, place: int) -> None:
        self._shown.reach(place)
        self.say(self._doing)

    def as_sent(self, limits: Limits) -> Iterator[SentRow]:
        key = self._stream.written.key
        return as_sent(self.rows(), limits, str(self._path), self.on_bad, key, record=self._record)

    def on_bad(self, error: SourceFileError) -> None:
        if not self._skip_bad:
            raise error
        self.bad += 1
        self.first_bad = self.first_bad or error


@click.command(
    cls=Command,
    examples=[
        "--stream streams/flights.yaml",
        "--stream streams/flights.yaml --rate 500 --jitter",
        "--stream streams/mine.yaml --file 'data/*.csv' --skip-bad",
    ],
    exits={
        INTERRUPTED: "interrupted by Ctrl-C (SIGINT); the same command goes on from there",
        TERMINATED: "ended by SIGTERM; the same command goes on from there",
    },
)
@click.option("--stream", "stream_path", metavar="PATH", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option(
    "--file",
    "file_path",
    metavar="PATH",
    help="A file, directory, quoted pattern, or - (standard input); default: `source`.",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Rows a second; default: as fast as it goes.")
@click.option("--jitter", is_flag=True, help="Pause randomly between rows, as a live stream does.")
@click.option("--speed", type=SPEED, help="Pace by the event-time column, e.g. 3600x: an hour of it in a second.")
@click.option("--stamp", is_flag=True, help="Stamp records with their event time, so that windows go by it.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first rows of the file.")
@click.option("--partitions", type=click.IntRange(min=1), help="How many the topic gets, if it is made; default: 1.")
@click.option("--skip-bad", is_flag=True, help="Count and report rows that cannot be read or sent, and go on.")
@click.option("--again", is_flag=True, help="Send the whole file anew, whatever the topic holds of it.")
def replay(  # noqa: PLR0917 - click hands over one argument an option
    stream_path: str,
    file_path: str | None,
    rate: float | None,
    jitter: bool,
    speed: float | None,
    stamp: bool,
    limit: int | None,
    partitions: int | None,
    skip_bad: bool,
    again: bool,
) -> None:
    """Send a data file to the topic, row by row and in order. What the topic holds of it is not sent again."""
    stream = load_stream(stream_path)
    _refuse_other_formats(stream, stream_path)
    path = Path(file_path) if file_path else default_path(stream, stream_path)
    file = FileId(source_id(path), fingerprint(path))
    settings = kafka_settings()
    if speed and (rate or jitter):
        raise ConfigurationError("--speed paces by the event time, --rate and --jitter by the clock: give one of them")
    when = event_time_of(stream) if speed or stamp else None
    stop = Stop()
    in_bytes = 0 if limit else bytes_of(path)
    total, unit = limit or in_bytes or None, "bytes" if in_bytes else "rows"
    with step(f"replay {path.name or path}", total=total, unit=unit) as shown:
        reading = _Reading(path, stream, stream_path, shown, skip_bad=skip_bad)
        if when is not None and stamp:
            if read_once(path):
                raise ConfigurationError("--stamp reads all rows before it sends one, and standard input is read once")
            reading.say("looking at event times")
            refuse_unstampable(_limited(reading.rows(), limit), when, str(path))
        topic = ensure_topic(stream.topic, partitions, settings)
        if stamp:
            refuse_retention(stream.topic, topic.config)
        read = functools.partial(reading.as_sent, limits_of(stream, topic.record_bytes, settings))
        reading.say("comparing with what the topic holds")
        found = GoOn(range(topic.partitions), read(), 0) if again else go_on(file, path, stream, topic, settings, read)
        sending = Sending(
            make_producer(settings, topic.record_bytes), stream.topic, file.place, found.next_rows,
            keyed=stream.written.key is not None, already_there=min(found.passed, limit or found.passed),
        )  # fmt: skip
        stop.listen()
        reading.say("sending")
        try:
            pacing = _Pacing(Pace(rate, jitter=jitter), EventPace(speed) if speed else None, when, stamp=stamp)
            _send_all(sending, found.rows, pacing, limit, stop)
        finally:
            reading.say("waiting for acknowledgements")
            unacknowledged = sending.finish()
            _report(sending, reading, path, unacknowledged, settings["bootstrap.servers"])
    if stop.is_set():
        click.echo("stopped before the end of the file; the same command goes on from here", err=True)
        sys.exit(stop.exit_code)


def _limited(rows: Iterator[SourceRow], limit: int | None) -> Iterator[SourceRow]:
    return itertools.takewhile(lambda row: limit is None or row.number < limit, rows)


def _send_all(
    sending: Sending, rows: Iterator[SentRow], pacing: _Pacing, limit: int | None, stop: threading.Event
) -> None:
    for row in rows:
        number = row.row.number
        if stop.is_set() or (limit is not None and number >= limit):
            break
        if not sending.holds(number):
            pacing.send(sending, row, stop)


def _report(sending: Sending, reading: _Reading, path: Path, unacknowledged: int, address: str) -> None:
    said = f"sent {sending.sent - unacknowledged:,} rows of {path.name or path} to topic {sending.topic}"
    if sending.already_there:
        said += f"; {sending.already_there:,} were there already"
    put_line(said)
    if reading.bad:
        put_line(f"skipped {reading.bad:,} rows that cannot be used; the first: {reading.first_bad}", err=True)
    if unacknowledged:
        reason = sending.first_failure or "no acknowledgement in time"
        raise ServiceDownError("kafka", address, f"{unacknowledged:,} rows were not acknowledged: {reason}")
