"""Reads a file of JSON objects, one a line, row by row; numbers keep the digits that they are written with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, NoReturn

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay.cells import Reader, Value, reader, text_readers
from pipeline.replay.header import UnknownNameError
from pipeline.replay.lines import BrokenOffError, Lines
from pipeline.replay.numerals import Numerals
from pipeline.replay.rows import OnBad, Row, SourceRow


class _Number(str):
    """A JSON number as it is written: a double would not keep its digits."""

    __slots__ = ()


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_no_number)


def read_json_lines(source: str, file: IO[bytes], stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the rows of ``file``; what cannot be read goes to ``on_bad``, which may raise it.

    Raises
    ------
    SourceFileError: the file is one array, or breaks off.
    """
    lines = Lines(source, file, stream.written.encoding)
    lines.from_the_first(for_good=True)
    columns = _Columns(source, stream)
    number = 0
    while True:
        line = lines.begin_row()
        try:
            text = next(lines).strip()
            if number == 0 and text.startswith("["):
                reason = "one array, and not one JSON object a line: `jq -c '.[]'` makes lines of it"
                raise BrokenOffError(source, line, None, reason)
            if text:
                yield SourceRow(number, line, columns.row(text, line))
        except StopIteration:
            return
        except BrokenOffError:
            raise
        except SourceFileError as error:
            on_bad(error)
        number += 1


class _Columns:
    """What reads each of the stream's columns, from the key that it has in the file."""

    def __init__(self, source: str, stream: Stream) -> None:
        self._source = source
        self._text: Mapping[str, Reader] = text_readers(stream)
        # Numbers of JSON are written in one way, whatever texts in the file look like.
        self._number = {name: reader(column, Numerals()) for name, column in stream.columns.items()}
        self._keys = [(name, self._key(stream, name)) for name in stream.columns]
        self._types = {name: column.type for name, column in stream.columns.items()}

    def _key(self, stream: Stream, column: str) -> str:
        if isinstance(key := stream.name_in_file(column), int):
            problem = f"{key} is a place, and the objects of {self._source} have names"
            raise UnknownNameError(self._source, None, column, problem)
        return key

    def row(self, text: str, line: int) -> Row:
        found = self._object(text, line)
        row: Row = {}
        for name, key in self._keys:
            value = found.get(key)
            try:
                row[name] = None if value is None else self._value(name, value)
            except (ValueError, OverflowError) as error:
                problem = f"unreadable value {json.dumps(value)[:80]}: {str(error)[:200]}"
                raise SourceFileError(self._source, line, name, problem) from error
        return row

    def _object(self, text: str, line: int) -> dict[str, object]:
        try:
            found = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise SourceFileError(self._source, line, None, f"not JSON: {str(error)[:200]}") from error
        if not isinstance(found, dict):
            raise SourceFileError(self._source, line, None, "JSON, but not an object")
        return found

    def _value(self, name: str, value: object) -> Value:
        if isinstance(value, _Number):
            return self._number[name](value)
        if isinstance(value, str):
            return self._text[name](value)
        if isinstance(value, bool) and self._types[name] == "bool":
            return value
        kind = "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else "true or false"
        raise ValueError(f"{kind} is no {self._types[name]}; a column of a file is one plain value")
