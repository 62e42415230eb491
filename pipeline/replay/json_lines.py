"""Reads a file of JSON objects, one a line, row by row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from io import BufferedReader

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay.json_values import DECODER, JsonColumns
from pipeline.replay.lines import BrokenOffError, Lines
from pipeline.replay.rows import OnBad, SourceRow


def read_json_lines(source: str, file: BufferedReader, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``file``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: the file breaks off.
    """
    columns = JsonColumns(source, stream)
    for number, line, found in json_line_values(source, file, stream.written.encoding, on_bad):
        try:
            yield SourceRow(number, line, columns.row(found, line))
        except SourceFileError as error:
            on_bad(error)


def json_line_values(
    source: str, file: BufferedReader, encoding: str, on_bad: OnBad
) -> Iterator[tuple[int, int, object]]:
    """Yield number, line and value of each line that is JSON; others go to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: the file breaks off.
    """
    lines = Lines(source, file, encoding)
    lines.from_the_first(for_good=True)
    for number in itertools.count():
        line = lines.begin_row()
        try:
            if text := next(lines).strip():
                yield number, line, _decoded(source, line, text)
        except StopIteration:
            return
        except BrokenOffError:
            raise
        except SourceFileError as error:
            on_bad(error)


def _decoded(source: str, line: int, text: str) -> object:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise SourceFileError(source, line, None, f"not JSON: {str(error)[:200]}") from error
