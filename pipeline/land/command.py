"""`python -m pipeline land`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import datetime

import click
from prometheus_client import CollectorRegistry

from console.commands import Command
from console.exit_codes import DONE, UNUSABLE
from console.progress import put_line
from contract import remedies
from contract.batch import Manifest
from contract.errors import ConfigurationError
from contract.stream import Stream
from contract.stream_sections import Cut
from contract.units import seconds, size_bytes
from pipeline.land.assemble import assemble
from pipeline.land.landing_counts import LandingCounts
from pipeline.land.metrics import LandingCollector, put_histogram, served
from pipeline.land.progress_line import progress
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


@click.command(
    cls=Command,
    examples=[
        "--stream streams/flights.yaml --exit-when-idle 5s",
        "--stream streams/flights.yaml --rows 20000 --max-age 30s --metrics-port 9100",
    ],
    exits={
        DONE: "it came to the end, or was told to leave (Ctrl-C, SIGTERM) and landed what it held",
        UNUSABLE: "it came to the end, records landed, and every one of them was rejected",
    },
)
@click.option("--stream", "stream_path", metavar="PATH", required=True, help="Stream file, e.g. streams/flights.yaml.")
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
    """Land the topic's records as batches. A flag about the cut replaces all of the stream file's `cut`."""
    stream = load_stream(stream_path)
    flags = {"rows": rows, "bytes": bytes_, "window": window, "max_age": max_age, "idle": idle}
    cut = stream.cut
    if any(value is not None for value in flags.values()):
        # They are no rules of their own: how wrong clocks can be does not depend on the flags.
        ahead = {"max_ahead": stream.cut.max_ahead, "aligned": stream.cut.aligned} if window is not None else {}
        cut = Cut.model_validate({**flags, **ahead})
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics = CollectorRegistry()
    landing = assemble(
        stream, cut, start=_start(start), exit_when_idle_s=exit_when_idle, stop=stop, dlq=dlq, stream_path=stream_path,
        batch_log=BatchLines(), put_durations=put_histogram(metrics, stream.name),
    )  # fmt: skip
    metrics.register(
        LandingCollector(
            landing.lander,
            stream.name,
            lag=landing.lag,
            store=landing.store,
            broker=landing.broker,
            registry=landing.registry,
        )
    )
    with served(metrics, metrics_port), progress(landing):
        landing.member.run()
    _summarise(landing.lander.counts, stream_path)
    _say_absent(landing.lander.counts, stream)
    code = UNUSABLE if landing.member.came_to_end and landing.lander.counts.rejected_all else 0
    if not landing.member.left:
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


class BatchLines:
    """Says a line of each batch that is sealed."""

    def sealed(self, batch: Manifest) -> None:
        """Say what ``batch`` holds, and why it was cut."""
        offsets = ", ".join(f"{lane}:{first}-{end}" for lane, (first, end) in batch.offsets.items())
        rows = f"{batch.rows:,} rows" + (f", {batch.rows_again:,} of them landed again" if batch.again else "")
        put_line(f"batch {batch.batch} of {batch.stream}: {rows}, offsets {offsets or '–'}, cut by {batch.cut}")


def _summarise(landed: LandingCounts, stream_path: str) -> None:
    said = f"landed {landed.rows:,} rows in {landed.batches.total()} batches, rejected {landed.rejected:,}"
    if landed.skipped:
        said += f", skipped {landed.skipped:,}" + (f" ({landed.deletes:,} of them deletes)" if landed.deletes else "")
    if landed.ignored_keys:
        said += f", ignored about {landed.ignored_keys:,} keys that are not in the schema"
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
