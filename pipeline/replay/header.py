"""Which of a file's columns are the stream's: those of the same name, or of the name that `from` says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.errors import SourceFileError, StreamFileError
from contract.stream import Stream
from pipeline.replay.rows import SourceRow
from pipeline.stream_file import line_of_column

_MOST_SHOWN = 400
# What files are separated by that name one column, by mistake, where they should name several.
_OTHER_DELIMITERS = "\t;|,"
_RENAMED = ". A column that has another name there says so in the stream file: `from`"


class _UnknownNameError(SourceFileError):
    """A `from` names what is no column of the file: the stream file is at fault."""


def names_in_file(path: Path, line: int | None, names: Sequence[str], stream: Stream) -> list[str]:
    """Return what the file calls each of the stream's columns; ``names`` are those it has, told in ``line``.

    Raises
    ------
    SourceFileError: it does not have one of them, or more than once.
    """
    wanted = [stream.name_in_file(column) for column in stream.columns]
    for column, name in zip(stream.columns, wanted, strict=True):
        told = stream.columns[column].name_in_file is not None
        if name not in names:
            if told:
                problem = f"{name!r} is no column of {path}; it has {_shown(names)}{_hint(names, stream.delimiter)}"
                raise _UnknownNameError(str(path), line, column, problem)
            problem = f"missing; the file has {_shown(names)}{_hint(names, stream.delimiter) or _RENAMED}"
            raise SourceFileError(str(path), line, column, problem)
        if names.count(name) > 1:
            said = f"its `from`, {name!r}, is the name of more than one column" if told else "is there more than once"
            raise SourceFileError(str(path), line, column, said)
    return wanted


def with_stream_file(rows: Iterator[SourceRow], stream_path: str) -> Iterator[SourceRow]:
    """Yield ``rows``.

    Raises
    ------
    StreamFileError: a `from` names what is no column of the file; the line is that of the `from`.
    """
    try:
        yield from rows
    except _UnknownNameError as error:
        column = str(error.column)
        line = line_of_column(stream_path, column, "from")
        raise StreamFileError(stream_path, line, f"columns.{column}.from: {error.problem}") from error


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(names) or "no columns"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _hint(names: Sequence[str], delimiter: str) -> str:
    """Return what to say where all names are one, as in a file that is separated by something else."""
    others = [other for other in _OTHER_DELIMITERS if other != delimiter and len(names) == 1 and other in names[0]]
    if not others:
        return ""
    written = others[0].replace("\t", r"\t")
    return f'. If that is several names, say what stands between them: `source.delimiter: "{written}"`'
