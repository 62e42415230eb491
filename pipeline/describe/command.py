"""`python -m pipeline describe`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import orjson

from console.commands import Command
from console.exit_codes import UNUSABLE
from console.progress import step
from contract.errors import SourceFileError
from pipeline.describe.as_json import as_json
from pipeline.describe.describe_file import description_of
from pipeline.describe.description import Description
from pipeline.describe.stream_text import stream_text
from pipeline.describe.tables import table_of
from pipeline.replay.opened import STANDARD_INPUT, read_once
from pipeline.replay.place import files_of


@click.command(
    cls=Command,
    examples=["ratings.csv > streams/ratings.yaml", "'data/*.csv.gz' --json"],
    exits={UNUSABLE: "written, but no kind of model can learn from it"},
)
@click.argument("file")
@click.option("--name", help="Of the stream and its topic; default: the file's.")
@click.option("--json", "as_facts", is_flag=True, help="What was found, as one JSON object, for tools.")
def describe(file: str, name: str | None, *, as_facts: bool) -> None:
    """Look at a whole data file, and write a stream file for it.

    FILE is a file, a directory, a quoted pattern, or - (standard input).
    """
    found = _of_file(Path(file), name)
    if as_facts:
        click.echo(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2))
    else:
        for line in stream_text(found):
            click.echo(line)
    for note in found.notes:
        click.echo(f"look at: {note}", err=True)
    if not found.is_learnable:
        click.echo("no kind of model can learn from these columns; the stream file says what each would need", err=True)
        sys.exit(UNUSABLE)


def _of_file(path: Path, name: str | None) -> Description:
    with step(f"describe {path.name or path}", unit="bytes") as shown, _kept(path) as file:
        shown.total = sum(each.stat().st_size for each in files_of(file) if each.exists()) or None
        return description_of(table_of(file, shown.advance), path, name)


@contextmanager
def _kept(path: Path) -> Iterator[Path]:
    """Yield ``path``, or a copy of what is piped in: it is looked at more than once."""
    if not read_once(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="swathe-describe-") as copy:
        try:
            if path == STANDARD_INPUT:
                shutil.copyfileobj(sys.stdin.buffer, copy)
            else:
                with path.open("rb") as piped:
                    shutil.copyfileobj(piped, copy)
        except OSError as error:
            raise SourceFileError(str(path), None, None, f"cannot be read: {error.strerror or error}") from error
        copy.flush()
        yield Path(copy.name)
