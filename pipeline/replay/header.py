"""Which of a file's columns are the stream's: those of the same name, or of the name or place that `from` says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.errors import SourceFileError, StreamFileError
from contract.stream import Stream
from pipeline.replay.rows import SourceRow
from pipeline.stream_file import line_of_column

_MOST_SHOWN = 400
# What files are separated by that name one column, by mistake, where they should name several.
_OTHER_DELIMITERS = "\t;|,: "
_RENAMED = ". A column that has another name there says so in the stream file: `from`"


class UnknownNameError(SourceFileError):
    """A `from` says what is no column of the file: the stream file is at fault."""


def places_in_file(
    path: Path | str, line: int | None, names: Sequence[str], stream: Stream, delimiter: str | None = None
) -> list[int]:
    """Return where the file has each of the stream's columns, from 0; ``names`` are those it has, told in ``line``.

    Raises
    ------
    SourceFileError: it does not have one of them, or more than once.
    """
    return [_place(path, line, names, stream, column, delimiter=delimiter) for column in stream.columns]


def places_in_rows(path: Path | str, width: int, stream: Stream) -> list[int]:
    """Return where rows of ``width`` fields, of a file without a header, have each of the stream's columns, from 0.

    Raises
    ------
    SourceFileError: they do not have one of them.
    """
    for column in stream.columns:
        if int(place := stream.name_in_file(column)) > width:
            problem = f"place {place} is beyond the rows of {path}: its first has {width} fields"
            raise UnknownNameError(str(path), 1, column, problem)
    return [int(stream.name_in_file(column)) - 1 for column in stream.columns]


def _place(
    path: Path | str, line: int | None, names: Sequence[str], stream: Stream, column: str, *, delimiter: str | None
) -> int:
    told, name = stream.columns[column].name_in_file is not None, stream.name_in_file(column)
    if isinstance(name, int):
        if name > len(names):
            problem = f"place {name} is beyond the columns of {path}; it has {len(names)}: {_shown(names)}"
            raise UnknownNameError(str(path), line, column, problem)
        return name - 1
    hint = _hint(names, delimiter)
    if name not in names:
        if told:
            problem = f"{name!r} is no column of {path}; it has {_shown(names)}{hint}"
            raise UnknownNameError(str(path), line, column, problem)
        raise SourceFileError(str(path), line, column, f"missing; the file has {_shown(names)}{hint or _RENAMED}")
    if names.count(name) > 1:
        said = f"its `from`, {name!r}, is the name of more than one column" if told else "is there more than once"
        raise SourceFileError(str(path), line, column, f"{said}; `from: 2` would be the second column of the file")
    return names.index(name)


def with_stream_file(rows: Iterator[SourceRow], stream_path: str) -> Iterator[SourceRow]:
    """Yield ``rows``.

    Raises
    ------
    StreamFileError: a `from` says what is no column of the file; the line is that of the `from`.
    """
    try:
        yield from rows
    except UnknownNameError as error:
        column = str(error.column)
        line = line_of_column(stream_path, column, "from")
        raise StreamFileError(stream_path, line, f"columns.{column}.from: {error.problem}") from error


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(name or '""' for name in names) or "no columns"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _hint(names: Sequence[str], delimiter: str | None) -> str:
    """Return what to say where all names are one, as in a file that is separated by something else."""
    one = names[0] if len(names) == 1 and delimiter is not None else ""
    others = [other for other in _OTHER_DELIMITERS if other != delimiter and other in one]
    if not others:
        return ""
    written = others[0].replace("\t", r"\t")
    return f'. If that is several names, say what stands between them: `source.delimiter: "{written}"`'
