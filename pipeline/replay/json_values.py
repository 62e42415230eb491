"""What a JSON object of a file holds becomes a row; numbers keep the digits that they are written with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from contract.errors import SourceFileError
from contract.plain_values import JsonNumber
from contract.record_path import NoPlaceError, RecordPath
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
        self._paths = [(name, self._path(stream, name)) for name in stream.columns]
        self._types = {name: column.type for name, column in stream.columns.items()}

    def _path(self, stream: Stream, column: str) -> RecordPath:
        if isinstance(key := stream.name_in_file(column), int):
            problem = f"{key} is a place, and the objects of {self._source} have names"
            raise UnknownNameError(self._source, None, column, problem)
        # What the file calls it is a name of its objects, whatever records have.
        told = stream.columns[column].name_in_file is not None
        return RecordPath((key,)) if told else stream.columns[column].path_in_value(column)

    def row(self, found: object, line: int) -> Row:
        """Return the row that an object of ``line`` is.

        Raises
        ------
        SourceFileError: it is no object, or a value is none of its column's type.
        """
        if not isinstance(found, dict):
            raise SourceFileError(self._source, line, None, "JSON, but not an object")
        row: Row = {}
        for name, path in self._paths:
            value = None
            try:
                value = path.of(found)
                row[name] = None if value is None else self._value(name, value)
            except NoPlaceError as error:
                raise SourceFileError(self._source, line, name, str(error)) from error
            except (ValueError, OverflowError) as error:
                problem = f"unreadable value {json.dumps(value)[:80]}: {str(error)[:200]}"
                raise SourceFileError(self._source, line, name, problem) from error
        return row

    def _value(self, name: str, value: object) -> Value:
        if isinstance(value, JsonNumber):
            return self._number[name](value)
        if isinstance(value, str):
            return self._text[name](value)
        if isinstance(value, bool) and self._types[name] == "bool":
            return value
        kind = "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else "true or false"
        raise ValueError(f"{kind} is no {self._types[name]}; a column of a file is one plain value")
