"""What a JSON object of a file holds becomes a row; numbers keep the digits that they are written with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NoReturn

from contract.errors import SourceFileError
from contract.plain_values import JsonNumber
from contract.record_path import NoPlaceError
from contract.stream import Stream
from pipeline.cells import Reader, Value, reader, text_readers
from pipeline.numerals import Numerals
from pipeline.replay.header import UnknownNameError
from pipeline.replay.rows import Row


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


DECODER = json.JSONDecoder(parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=_no_number)


class JsonColumns:
    """What reads each of the stream's columns, from the key that it has in the file."""

    def __init__(self, source: str, stream: Stream) -> None:
        self._source = source
        self._text: Mapping[str, Reader] = text_readers(stream)
        # Numbers of JSON are written in one way, whatever texts in the file look like.
        self._number = {name: reader(column, Numerals()) for name, column in stream.columns.items()}
        self._places = [(name, self._place(stream, name)) for name in stream.columns]
        self._types = {name: column.type for name, column in stream.columns.items()}

    def _place(self, stream: Stream, column: str) -> Callable[[dict[str, object]], object]:
        """Return what finds a column's value: by the name of its `from`, by its path, or by its own name."""
        key, told = stream.name_in_file(column), stream.columns[column]
        if isinstance(key, int):
            problem = f"{key} is a place, and the objects of {self._source} have names"
            raise UnknownNameError(self._source, None, column, problem)
        return (
            told.path_in_value(column).of if told.name_in_file is None and told.path else lambda found: found.get(key)
        )

    def row(self, found: object, line: int) -> Row:
        """Return the row that an object of ``line`` is.

        Raises
        ------
        SourceFileError: it is no object, or a value is none of its column's type.
        """
        if not isinstance(found, dict):
            raise SourceFileError(self._source, line, None, "JSON, but not an object")
        row: Row = {}
        for name, place in self._places:
            try:
                value = place(found)
            except NoPlaceError as error:
                raise SourceFileError(self._source, line, name, str(error)) from error
            try:
                row[name] = None if value is None else self._value(name, value)
            except (ValueError, OverflowError) as error:
                problem = f"unreadable value {json.dumps(value)[:80]}: {str(error)[:200]}"
                raise SourceFileError(self._source, line, name, problem) from error
        return row

    def _value(self, name: str, value: object) -> Value:
        if isinstance(value, JsonNumber):
            return self._number[name](value)
        if isinstance(value, str):
            # Half of a character of UTF-16, which JSON may write, cannot be sent.
            value.encode()
            return self._text[name](value)
        if isinstance(value, bool) and self._types[name] == "bool":
            return value
        kind = "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else "true or false"
        raise ValueError(f"{kind} is no {self._types[name]}; a column of a file is one plain value, at its `path`")
