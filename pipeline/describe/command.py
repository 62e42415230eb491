"""`python -m pipeline describe`."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final, cast

import click
import orjson

from console.commands import Command
from console.exit_codes import CHANGED, UNREAD, UNUSABLE
from console.progress import Step, step
from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.describe.against import Change, changes
from pipeline.describe.as_json import as_json
from pipeline.describe.describe_file import description_of
from pipeline.describe.describe_topic import Format, Told, description_of_topic
from pipeline.describe.description import Description
from pipeline.describe.refusals import Refusals, refusals_in_file, refusals_in_topic
from pipeline.describe.sample import sample_of
from pipeline.describe.stream_text import stream_text
from pipeline.describe.tables import table_of
from pipeline.replay.opened import STANDARD_INPUT, read_once
from pipeline.replay.place import files_of
from pipeline.settings import kafka_settings
from pipeline.stream_file import load_stream

# As much as a pipe holds.
_PIECE: Final = 65_536


@click.command(
    cls=Command,
    examples=[
        "ratings.csv > streams/ratings.yaml", "'data/*.csv.gz' --json", "--topic orders > streams/orders.yaml",
        "new.csv --against streams/mine.yaml",
    ],
    exits={
        UNUSABLE: "written, but no kind of model can learn from it",
        CHANGED: "--against: something has changed, and the stream file reads it as it is",
        UNREAD: "--against: something has changed that the stream file does not read",
    },
)  # fmt: skip
@click.argument("file", required=False)
@click.option("--topic", help="A topic instead of a file.")
@click.option(
    "--format",
    "written",
    type=click.Choice(["json", "avro", "csv"]),
    help="Format of a topic's records; default: found.",
)
@click.option("--schema-registry", metavar="URL", help="Registry that has the schemas of a topic's records.")
@click.option(
    "--schema-file", metavar="PATH", help="File of the Avro schema, where a topic's records carry no id of one."
)
@click.option(
    "--records", type=click.IntRange(min=10), default=10_000, show_default=True, help="How many of a topic to look at."
)
@click.option("--against", metavar="PATH", help="A stream file: tell what has changed since it was written.")
@click.option("--name", help="Name of the stream; default: the file's or the topic's.")
@click.option(
    "--json", "as_facts", is_flag=True, help="For programs: one JSON document of what was found or has changed."
)
def describe(  # noqa: PLR0917 - click hands over one argument an option
    file: str | None, topic: str | None, written: Format | None, schema_registry: str | None, schema_file: str | None,
    records: int, against: str | None, name: str | None, as_facts: bool,
) -> None:  # fmt: skip
    """Look at a whole data file, or at records of a topic, and write a stream file for it.

    FILE is a file, a directory, a quoted pattern, or - (standard input).
    """
    if (file is None) == (topic is None):
        raise click.UsageError("give a FILE, or a --topic")
    if topic is None and (written or schema_registry or schema_file):
        raise click.UsageError("--format, --schema-registry and --schema-file are of a --topic")
    told = Told(written, schema_registry, schema_file, name)
    stream = None if against is None else load_stream(against)
    found, refusals = (
        _of_topic(topic, records, told, stream, str(against)) if topic is not None
        else _of_file(Path(str(file)), name, stream)
    )  # fmt: skip
    if stream is not None:
        _tell(list(changes(stream, found, refusals)), as_facts=as_facts)
        return
    if as_facts:
        click.echo(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2))
    else:
        for line in stream_text(found):
            # A stream file is UTF-8, whatever the terminal is.
            click.echo(line.encode("utf-8", "backslashreplace"))
    for note in found.notes:
        click.echo(f"look at: {note}", err=True)
    if not found.is_learnable:
        click.echo("no kind of model can learn from these columns; the stream file says what each would need", err=True)
        sys.exit(UNUSABLE)


def _tell(found: list[Change], *, as_facts: bool) -> None:
    if as_facts:
        click.echo(orjson.dumps({"changes": [asdict(change) for change in found]}, option=orjson.OPT_INDENT_2))
    else:
        for line in map(str, found) if found else ["the same as the stream file says"]:
            click.echo(line)
    if any(change.breaks for change in found):
        sys.exit(UNREAD)
    if found:
        sys.exit(CHANGED)


def _of_topic(
    topic: str, records: int, told: Told, stream: Stream | None, stream_path: str
) -> tuple[Description, Refusals]:
    with step("describe", total=records, unit="records") as shown:
        sample = sample_of(topic, records, kafka_settings(), shown.advance)
    refusals = Refusals() if stream is None else refusals_in_topic(sample, stream, stream_path)
    return description_of_topic(sample, told), refusals


def _of_file(path: Path, name: str | None, stream: Stream | None) -> tuple[Description, Refusals]:
    with _kept(path) as file:
        with step("describe", total=_plain_bytes(files_of(file)), unit="bytes") as shown:
            with _as_given(path, file):
                table = table_of(file, shown.advance)
            table.first_bad = None if table.first_bad is None else _of_given(table.first_bad, path, file)
            found = description_of(table, path, name)
        if stream is None:
            return found, Refusals()
        with step("read by the stream file", total=found.table.rows, unit="rows") as shown:
            encoding = str(found.source.get("encoding", "utf-8"))
            return found, refusals_in_file(file, stream, encoding, shown.advance)


@contextmanager
def _as_given(path: Path, file: Path) -> Iterator[None]:
    try:
        yield
    except SourceFileError as error:
        raise _of_given(error, path, file) from error


def _of_given(error: SourceFileError, path: Path, file: Path) -> SourceFileError:
    """Return ``error`` with the name that the person gave, where ``file`` is a copy of what was piped in."""
    if error.source != str(file) or file == path:
        return error
    name = "standard input" if path == STANDARD_INPUT else str(path)
    return SourceFileError(name, error.line, error.column, error.problem)


def _plain_bytes(files: Sequence[Path]) -> int | None:
    """Return how many bytes of text there are, None where that is not known before they are unpacked."""
    plain = all(file.suffix.lower() in {".csv", ".tsv", ".txt"} for file in files)
    return sum(file.stat().st_size for file in files if file.exists()) if plain else None


@contextmanager
def _kept(path: Path) -> Iterator[Path]:
    """Yield ``path``, or a copy of what is piped in: it is looked at more than once."""
    if not read_once(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="swathe-describe-") as copy:
        try:
            with step("what is piped in", unit="bytes") as shown:
                if path == STANDARD_INPUT:
                    _copy(cast("io.BufferedReader", sys.stdin.buffer), copy, shown)
                else:
                    with path.open("rb") as piped:
                        _copy(piped, copy, shown)
        except OSError as error:
            raise SourceFileError(str(path), None, None, f"cannot be read: {error.strerror or error}") from error
        copy.flush()
        yield Path(copy.name)


def _copy(piped: io.BufferedReader, copy: IO[bytes], shown: Step) -> None:
    while piece := piped.read1(_PIECE):
        copy.write(piece)
        shown.advance(len(piece))
