"""Reads a file of JSON objects, one a line, row by row."""

from __future__ import annotations

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
    lines = Lines(source, file, stream.written.encoding)
    lines.from_the_first(for_good=True)
    columns = JsonColumns(source, stream)
    number = 0
    while True:
        line = lines.begin_row()
        try:
            if text := next(lines).strip():
                yield SourceRow(number, line, columns.row(_decoded(source, line, text), line))
        except StopIteration:
            return
        except BrokenOffError:
            raise
        except SourceFileError as error:
            on_bad(error)
        number += 1


def _decoded(source: str, line: int, text: str) -> object:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise SourceFileError(source, line, None, f"not JSON: {str(error)[:200]}") from error
