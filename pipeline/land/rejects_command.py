"""`python -m pipeline rejects`."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace

import click
from rich.markup import escape
from rich.table import Table

from console.commands import Command
from console.output import output
from console.progress import Step, put_line, step
from contract import remedies
from contract.errors import ConfigurationError
from contract.stream import Stream
from pipeline.land.chain import Writer
from pipeline.land.chain_start import read_start
from pipeline.land.land_again import LandAgainOutcome, LandingAgain
from pipeline.land.newest_parts import refuse_unreadable_parts
from pipeline.land.record_format import record_format
from pipeline.land.reject import Reject
from pipeline.land.rejected_records import RejectedPart, RejectedStream, rejected_stream, rejects_in, tables
from pipeline.object_store import ObjectStore
from pipeline.settings import store_settings
from pipeline.store_probe import refuse_racing_store
from pipeline.stream_file import load_stream

_SHOWN_BYTES = 80
_AFTER = re.compile(r"(\d{1,10})-(\d{1,19})")


@click.command(
    cls=Command,
    examples=[
        "--stream streams/flights.yaml",
        "--stream streams/flights.yaml --reason 'is required' --limit 5",
        "--stream streams/flights.yaml --land-again",
    ],
)
@click.option("--stream", "stream_path", metavar="PATH", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--land-again", is_flag=True, help="Land those that parse now; the next batch holds their rows.")
@click.option("--lane", type=click.IntRange(min=0), help="List those of this lane only.")
@click.option("--offset", type=click.IntRange(min=0), help="List those of this offset only.")
@click.option("--reason", help="List those whose reason holds this text only.")
@click.option("--after", help="List what follows this `lane-offset`: the end of the page before.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="List so many at most.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object a line, with the whole bytes.")
def rejects(  # noqa: PLR0917 - click hands over one argument an option
    stream_path: str,
    lane: int | None,
    offset: int | None,
    reason: str | None,
    after: str | None,
    limit: int,
    *,
    land_again: bool,
    as_json: bool,
) -> None:
    """List the records that landed as rejects and still are, by lane and offset, or land them again."""
    stream = load_stream(stream_path)
    behind = _place(after)
    if land_again and (as_json or any(given is not None for given in (lane, offset, reason, after))):
        raise ConfigurationError("--land-again takes all rejects that parse now; it goes with --stream alone")
    store = ObjectStore.answering(store_settings())
    if land_again:
        _land_again(store, stream, stream_path)
        return
    found = rejected_stream(store, stream.name)
    # What cannot hold them is not read.
    parts = [
        named for named in found.parts
        if lane in {None, named.lane} and (offset is None or named.part.first_offset <= offset < named.part.next_offset)
    ]  # fmt: skip
    with step(f"rejects {stream.name}", unit="records") as reading:
        listed = _listed(store, stream.name, replace(found, parts=parts), behind, reading)
        wanted = (
            (named, reject) for named, reject in listed
            if offset in {None, reject.offset} and (reason is None or reason in reject.reason)
        )  # fmt: skip
        if as_json:
            for named, reject in itertools.islice(wanted, limit):
                put_line(_json(named, reject))
            return
        table, last = _table(stream.name, itertools.islice(wanted, limit))
        more = next(wanted, None) is not None
    console = output(width=140)
    console.print(table)
    console.print(f"{found.rejected:,} records are rejected{_again(found)}", markup=False)
    if more:
        console.print(f"there are more: --after {last}", markup=False)


def _place(after: str | None) -> tuple[int, int] | None:
    if after is None:
        return None
    found = _AFTER.fullmatch(after)
    if found is None:
        raise ConfigurationError(f"--after {after!r} is no lane and offset; write 0-1234, as the page before ended")
    return int(found[1]), int(found[2])


def _listed(
    store: ObjectStore, stream: str, found: RejectedStream, after: tuple[int, int] | None, reading: Step
) -> Iterator[tuple[RejectedPart, Reject]]:
    for named, table in tables(store, stream, found, after=after):
        for reject in rejects_in(table):
            reading.advance()
            yield named, reject


def _json(named: RejectedPart, reject: Reject) -> str:
    fields: dict[str, object] = {
        "lane": named.lane,
        "offset": reject.offset,
        "timestamp_ms": reject.timestamp_ms,
        "batch": named.batch,
        "reason": reject.reason,
        "key_base64": _base64(reject.key),
        "value_base64": _base64(reject.value),
    }
    if reject.headers:
        fields["headers_base64"] = [[name, _base64(value)] for name, value in reject.headers]
    return json.dumps(fields)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _table(stream: str, page: Iterator[tuple[RejectedPart, Reject]]) -> tuple[Table, str]:
    """Return a table of the page, and where it ends."""
    table = Table("lane-offset", "batch", "reason", "value", title=f"rejects of stream {stream}")
    place = ""
    for named, reject in page:
        place = f"{named.lane}-{reject.offset}"
        batch = "–" if named.batch is None else str(named.batch)
        table.add_row(place, batch, escape(shown(reject.reason.encode(), 400)), escape(shown(reject.value)))
    return table, place


def _again(found: RejectedStream) -> str:
    rows = sum(again.rows for again in found.landed_again)
    if not rows:
        return ""
    return f", {rows:,} others were landed again" + (f", {found.waiting:,} of them wait" if found.waiting else "")


def shown(value: bytes | None, longest: int = _SHOWN_BYTES) -> str:
    """Return the beginning of ``value`` as text that no terminal obeys: what does not print is escaped."""
    if value is None:
        return "(no value)"
    text = value[:longest].decode("utf-8", "backslashreplace")
    safe = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return safe + (f"… ({len(value):,} bytes)" if len(value) > longest else "")


def _land_again(store: ObjectStore, stream: Stream, stream_path: str) -> None:
    start = read_start(store, stream.name)
    if start is None:
        click.echo(f"stream {stream.name} has landed nothing yet, and rejected nothing")
        return
    refuse_racing_store(store)
    writer = Writer(f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}", start.topic_id)
    refuse_unreadable_parts(store, stream, stream_path, writer)
    records, _ = record_format(stream, stream_path)
    with step(f"land again {stream.name}", unit="records") as shown:
        outcome = LandingAgain(store, stream, records, writer, shown.advance).run()
    _say(stream_path, outcome)


def _say(stream_path: str, outcome: LandAgainOutcome) -> None:
    click.echo(f"landed {outcome.rows:,} rows again, {outcome.rejected:,} records are still rejected")
    for line in outcome.reasons.lines():
        click.echo(f"  {line}")
    if outcome.skipped:
        click.echo(
            f"  {outcome.skipped:,} of them the stream file skips by now: they were counted as rejected, and stay so"
        )
    if outcome.rows:
        click.echo(f"the next batch holds them; if no more records come, {remedies.land(stream_path)} seals it")
