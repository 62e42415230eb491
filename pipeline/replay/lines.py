"""The lines of a text file, which know their number and are bounded, and can be gone through again from the first."""

from __future__ import annotations

import codecs
import io
import lzma
import zipfile
import zlib
from typing import IO, Any, cast

import pyarrow as pa

from contract.errors import SourceFileError

# No row is longer than what a topic takes, which is 1 MB unless configured; one beyond this is damage, or a bomb.
LONGEST_ROW = 2**24
# What the kept libraries raise for compressed files that are cut short, damaged or encrypted.
BROKEN = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, RuntimeError, NotImplementedError,
    pa.ArrowException,
)  # fmt: skip
_PIECE = 2**16
_BYTE_ORDER_MARKS = frozenset({codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE})


class BrokenOffError(SourceFileError):
    """The file cannot be read to its end: no row behind this line can be skipped to."""


class InUtf8(io.RawIOBase):
    """The bytes of ``file`` in UTF-8: what has line ends of its own, as UTF-16 does, has no lines of bytes."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override] # what BufferedReader hands over
        while not self._waiting:
            piece = self._file.read(_PIECE)
            self._waiting = self._decoder.decode(piece, final=not piece).encode()
            if not piece:
                break
        taken = self._waiting[: len(buffer)]
        buffer[: len(taken)] = taken
        self._waiting = self._waiting[len(taken) :]
        return len(taken)


class Lines:
    """Lines of text that know their number, so that a byte of no character can be found; rows of them are bounded."""

    def __init__(self, source: str, file: IO[bytes], encoding: str = "utf-8") -> None:
        self.number = 0
        self._source = source
        self._named = encoding
        self._by_bytes = "\n".encode(encoding) == b"\n"
        self._encoding = encoding if self._by_bytes else "utf-8"
        self._file = file if self._by_bytes else io.BufferedReader(cast("Any", InUtf8(file, encoding)))
        self._first: list[bytes] = []
        self._keeps_first = True
        self.begin_row()

    def __iter__(self) -> Lines:
        return self

    def begin_row(self) -> int:
        """Count the bytes of a row from here on; return the line that it begins in."""
        self._row_bytes = 0
        self._row_line = self.number + 1
        return self._row_line

    def from_the_first(self, *, for_good: bool = False) -> None:
        """Go back to the first line; behind ``for_good`` there is no way back any more."""
        self.number = 0
        self._keeps_first = not for_good
        self.begin_row()

    def __next__(self) -> str:
        line = self._next_line()
        if not line:
            raise StopIteration
        self.number += 1
        self._row_bytes += len(line)
        if self._row_bytes > LONGEST_ROW:
            reason = f"longer than {LONGEST_ROW:,} bytes: not a row of a data file"
            if self.number > self._row_line:
                reason += f"; a quoted cell runs on to line {self.number}: has it an end?"
            raise BrokenOffError(self._source, self._row_line, None, reason)
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise SourceFileError(self._source, self.number, None, self._undecodable(line, error)) from error
        return text.removeprefix("\ufeff") if self.number == 1 else text

    def _next_line(self) -> bytes:
        if self.number < len(self._first):
            return self._first[self.number]
        try:
            line = self._file.readline(LONGEST_ROW - self._row_bytes + 1)
        except UnicodeError as error:
            raise BrokenOffError(self._source, self.number + 1, None, f"not {self._named}: {error}"[:300]) from error
        except BROKEN as error:
            raise BrokenOffError(self._source, self.number + 1, None, f"cannot be read on: {error}") from error
        if self._keeps_first:
            self._first.append(line)
        else:
            self._first = []
        return line

    def _undecodable(self, line: bytes, error: UnicodeDecodeError) -> str:
        said = f"not {self._named.upper()}: byte {line[error.start]:#04x} at place {error.start + 1}"
        if self.number == 1 and line[:2] in _BYTE_ORDER_MARKS:
            return f"{said}; it begins as UTF-16 does: `source.encoding: utf-16`"
        return f"{said}; if it is written otherwise, say how: `source.encoding: latin-1`, cp1252 …"
