"""`python -m pipeline describe`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from console.commands import Command
from contract.errors import SourceFileError
from pipeline.describe.as_json import as_json
from pipeline.describe.describe_file import description_of
from pipeline.describe.description import Description
from pipeline.describe.stream_text import stream_text
from pipeline.describe.tables import table_of
from pipeline.replay.opened import STANDARD_INPUT, read_once
from pipeline.replay.place import files_of

NOTHING_TO_LEARN = 3
"""Exit code: a stream file was written, and no kind of model can learn from it."""


@click.command(
    cls=Command,
    examples=["ratings.csv > streams/ratings.yaml", "'data/*.csv.gz' --json"],
    exits={NOTHING_TO_LEARN: "written, but no kind of model can learn from it"},
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
        sys.exit(NOTHING_TO_LEARN)


def _of_file(path: Path, name: str | None) -> Description:
    with _kept(path) as file, _progress(file) as progress:
        return description_of(table_of(file, progress), path, name)


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


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("describe"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    shown = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with shown:
        size = sum(file.stat().st_size for file in files_of(path) if file.exists())
        task = shown.add_task("rows", total=size or None)
        yield lambda count: shown.advance(task, count)
