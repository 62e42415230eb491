"""Reads a JSON file that is one array of objects, or GeoJSON with one inside, row by row and in bounded memory."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.replay import lines
from pipeline.replay.json_values import DECODER, JsonColumns
from pipeline.replay.lines import BROKEN, BrokenOffError
from pipeline.replay.rows import OnBad, SourceRow

_PIECE = 2**16
_SPACE = " \t\r\n"
_FEATURES = "features"
_KEY = re.compile(r'\s*[{,]\s*"([^"\\]*)"\s*:\s*')
_FIRST_FEATURE = re.compile(r'\[\s*\{\s*"type"\s*:\s*"Feature"')


def is_array(file: io.BufferedReader, encoding: str) -> bool:
    """Whether ``file`` begins an array, or the object that GeoJSON has around one; nothing is read of it."""
    head = file.peek(1).decode(encoding, "ignore").lstrip(f"\ufeff{_SPACE}")
    return head.startswith("[") or _is_collection(head)


def _is_collection(head: str) -> bool:
    """Whether an object of this beginning is a FeatureCollection itself, and does not hold one as one of its values."""
    place = 0
    while found := _KEY.match(head, place):
        if found[1] == "type":
            return head.startswith('"FeatureCollection"', found.end())
        if found[1] == _FEATURES:
            return _FIRST_FEATURE.match(head, found.end()) is not None
        try:
            _, place = DECODER.raw_decode(head, found.end())
        except (ValueError, RecursionError):
            return False
    return False


def read_json_array(source: str, file: io.BufferedReader, stream: Stream, on_bad: OnBad) -> Iterator[SourceRow]:
    """Yield the objects of the array as rows; one that is none of the stream's goes to ``on_bad``, which may raise it.

    Of GeoJSON, the features are the rows.

    Raises
    ------
    SourceFileError: what follows is no JSON, or breaks off.
    """
    columns = JsonColumns(source, stream)
    for number, line, found in json_array_values(source, file, stream.written.encoding):
        try:
            yield SourceRow(number, line, columns.row(found, line))
        except SourceFileError as error:
            on_bad(error)


def json_array_values(source: str, file: io.BufferedReader, encoding: str) -> Iterator[tuple[int, int, object]]:
    """Yield number, line and value of each element of the array.

    Raises
    ------
    SourceFileError: what follows is no JSON, or breaks off.
    """
    elements = _Elements(source, file, encoding)
    for number, found in enumerate(elements):
        yield number, elements.line, found


class _Elements:
    """The elements of an array; ``line`` is the one that the last of them begins in."""

    def __init__(self, source: str, file: io.BufferedReader, encoding: str) -> None:
        self.line = 1
        self._source = source
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._text, self._place, self._at = "", 0, 1
        self._read(_PIECE)
        self._text = self._text.removeprefix("\ufeff")

    def __iter__(self) -> Iterator[object]:
        collected = self._next() == "{"
        if collected:
            self._mark("{")
            while self._key() != _FEATURES:
                self._element()
                self._mark(",")
        yield from self._array()
        if collected:
            while self._next() == ",":
                self._mark(",")
                self._key()
                self._element()
            self._mark("}")
        if self._next():
            raise BrokenOffError(self._source, self._at, None, "not JSON: something follows the array")

    def _array(self) -> Iterator[object]:
        self._mark("[")
        if self._next() != "]":
            yield self._element()
            while self._next() != "]":
                self._mark(",")
                yield self._element()
        self._mark("]")

    def _key(self) -> object:
        key = self._element()
        self._mark(":")
        return key

    def _next(self) -> str:
        """Pass the space before the next character, and return that; empty at the end of the file."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in _SPACE:
                self._pass(self._place + 1)
            if self._place < len(self._text) or not self._read(_PIECE):
                return self._text[self._place : self._place + 1]

    def _mark(self, mark: str) -> None:
        if self._next() != mark:
            raise BrokenOffError(self._source, self._at, None, f"not JSON: {mark!r} is missing here")
        self._pass(self._place + 1)

    def _element(self) -> object:
        """Read on until the element is whole, twice as far each time: so no text is looked at often."""
        self._next()
        self.line = self._at
        while True:
            problem = ""
            try:
                found, end = DECODER.raw_decode(self._text, self._place)
                # A number may go on behind the last piece.
                whole = end < len(self._text)
            except (ValueError, RecursionError) as error:
                whole, problem = False, str(error)[:200]
            held = len(self._text) - self._place
            if not whole and held <= lines.LONGEST_ROW and self._read(max(_PIECE, held)):
                continue
            if problem:
                raise BrokenOffError(self._source, self.line, None, f"not JSON, or too long: {problem}")
            self._pass(end)
            return found

    def _pass(self, end: int) -> None:
        self._at += self._text.count("\n", self._place, end)
        self._place = end

    def _read(self, most: int) -> bool:
        try:
            found = self._file.read(most)
            piece = self._decoder.decode(found, final=not found)
        except UnicodeError as error:
            raise BrokenOffError(self._source, self._at, None, f"cannot be decoded: {error}"[:300]) from error
        except BROKEN as error:
            raise BrokenOffError(self._source, self._at, None, f"cannot be read on: {error}") from error
        self._text, self._place = self._text[self._place :] + piece, 0
        return bool(found)
