"""The rows of a text file, a block of them after the other, as columns of cells: those that replay's reader gives.

Arrow splits a block in which nothing is quoted, or all quotes surely mean what they mean to replay. Any other is read
as replay reads it, and so are its faults.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import IO

import pyarrow as pa
from pyarrow import csv as arrow_csv

from contract.errors import SourceFileError
from pipeline.describe.dialect import Dialect
from pipeline.describe.quotes import are_sure, end_outside
from pipeline.replay import lines as lines_module
from pipeline.replay.lines import BROKEN, BrokenOffError

BLOCK_BYTES = 2**23
_MARK = b"\xef\xbb\xbf"


class NotUtf8Error(SourceFileError):
    """A line holds bytes that are no UTF-8."""

    def __init__(self, source: str, line: int, piece: bytes) -> None:
        self.piece = piece
        super().__init__(source, line, None, "not UTF-8")


class TextBlocks:
    """The blocks of ``file``, which is UTF-8; ``on_bad`` takes what is no row.

    With ``passes_damage`` it takes lines that are no UTF-8, too; without, they raise a :class:`NotUtf8Error`.
    """

    def __init__(
        self, source: str, file: IO[bytes], on_bad: Callable[[SourceFileError], None], *, passes_damage: bool = False
    ) -> None:
        self._passes_damage = passes_damage
        self.read_bytes = 0
        self._source, self._file, self._on_bad = source, file, on_bad
        self._rest = b""
        self._line = 0
        """Lines that were given out."""

    def head(self, size: int) -> list[str]:
        """Return the whole lines of the first ``size`` bytes; they come again."""
        piece = self._read(size).removeprefix(_MARK)
        self._rest = piece
        whole = piece if len(piece) < size - len(_MARK) else piece[: piece.rfind(b"\n") + 1] or piece
        return [f"{line}\n" for line in self._decoded(whole).removesuffix("\n").split("\n")] if whole else []

    def columns(self, dialect: Dialect) -> Iterator[list[pa.Array]]:
        """Yield the cells of the next rows, by column."""
        csv.field_size_limit(lines_module.LONGEST_ROW)
        if dialect.names is not None:
            self._pass_header(dialect)
        while block := self._whole_cells(self._block()):
            yield self._fast(block, dialect) or self._slow(block, dialect)

    def _pass_header(self, dialect: Dialect) -> None:
        lines = _BlockLines(self._block(), self)
        try:
            next(csv.reader(lines, strict=True, delimiter=dialect.delimiter))
        except csv.Error as error:
            raise SourceFileError(self._source, 1, None, f"not CSV: {error}") from error
        self._rest = lines.rest() + self._rest
        self._line = lines.number

    def _read(self, size: int) -> bytes:
        pieces: list[bytes] = []
        try:
            while size > 0 and (piece := self._file.read(size)):
                pieces.append(piece)
                size -= len(piece)
        except BROKEN as error:
            raise BrokenOffError(self._source, self._line + 1, None, f"cannot be read on: {error}") from error
        return b"".join(pieces)

    def _block(self) -> bytes:
        """Return whole lines, the last of the file aside, which may have no end; nothing behind it."""
        while True:
            piece = self._read(BLOCK_BYTES)
            self.read_bytes += len(piece)
            block = self._rest + piece
            end = block.rfind(b"\n") + 1
            if len(piece) < BLOCK_BYTES:
                self._rest = b""
                return block
            if end:
                self._rest = block[end:]
                return block[:end]
            if len(block) > lines_module.LONGEST_ROW:
                reason = f"longer than {lines_module.LONGEST_ROW:,} bytes: not a row of a data file"
                raise BrokenOffError(self._source, self._line + 1, None, reason)
            self._rest = block

    def _whole_cells(self, block: bytes) -> bytes:
        """Return ``block`` without its last lines where a quoted cell goes on behind them; most of it, in any case."""
        end = end_outside(block) if b'"' in block else len(block)
        end = end if end > len(block) // 2 else len(block)
        self._rest = block[end:] + self._rest
        return block[:end]

    def _fast(self, block: bytes, dialect: Dialect) -> list[pa.Array] | None:
        """Return the cells, None where a row is none, or is not surely one."""
        delimiter = dialect.delimiter.encode()
        if len(delimiter) > 1 or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
            return None
        quoted = b'"' in block
        if quoted and not are_sure(block, delimiter):
            return None
        names = [str(place) for place in range(dialect.width)]
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(block),
                read_options=arrow_csv.ReadOptions(column_names=names, block_size=len(block) + 1),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=dialect.delimiter, quote_char='"' if quoted else False, newlines_in_values=quoted
                ),
                convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )
        except pa.ArrowInvalid:
            return None
        self._line += block.count(b"\n")
        return [column.combine_chunks() for column in table.columns] if table.num_rows else [pa.array([], pa.string())]

    def _slow(self, block: bytes, dialect: Dialect) -> list[pa.Array]:
        lines = _BlockLines(block, self)
        reader = csv.reader(lines, strict=True, delimiter=dialect.delimiter)
        rows: list[list[str]] = []
        while lines.has_rest:
            first = lines.begin_row()
            try:
                if fields := next(reader):
                    self._look(fields, first, dialect.width, rows)
            except NotUtf8Error as error:
                if not self._passes_damage:
                    raise
                self._on_bad(error)
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    reason = "a quoted cell that begins here, or below, has no end: all that follows would be lost"
                    raise SourceFileError(self._source, first, None, reason) from error
                self._on_bad(SourceFileError(self._source, first, None, f"not CSV: {error}"))
        self._line = lines.number
        return [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)] or [pa.array([], pa.string())]

    def _look(self, fields: list[str], line: int, width: int, rows: list[list[str]]) -> None:
        if len(fields) == width:
            rows.append(fields)
        else:
            reason = f"{len(fields)} fields where the first line has {width}"
            self._on_bad(SourceFileError(self._source, line, None, reason))

    def _decoded(self, piece: bytes) -> str:
        try:
            return piece.decode(errors="replace" if self._passes_damage else "strict")
        except UnicodeDecodeError as error:
            raise NotUtf8Error(self._source, self._line + 1, piece) from error


class _BlockLines:
    """The lines of ``block``, and of those behind it while a quoted cell goes on."""

    def __init__(self, block: bytes, blocks: TextBlocks) -> None:
        self._blocks = blocks
        self._take(block)
        self.number = blocks._line
        self._row_bytes = 0

    def _take(self, block: bytes) -> None:
        self._lines = io.BytesIO(block)
        self._size = len(block)

    @property
    def has_rest(self) -> bool:
        """Whether lines are left of the last block."""
        return self._lines.tell() < self._size

    def rest(self) -> bytes:
        """Return what is left of the last block."""
        return self._lines.read()

    def begin_row(self) -> int:
        """Count the bytes of a row from here on; return the line that it begins in."""
        self._row_bytes = 0
        return self.number + 1

    def __iter__(self) -> _BlockLines:
        return self

    def __next__(self) -> str:
        if not (line := self._lines.readline()):
            self._take(self._blocks._block())
            if not (line := self._lines.readline()):
                raise StopIteration
        self.number += 1
        self._row_bytes += len(line)
        if self._row_bytes > lines_module.LONGEST_ROW:
            reason = f"a row of more than {lines_module.LONGEST_ROW:,} bytes ends here: has a quoted cell an end?"
            raise BrokenOffError(self._blocks._source, self.number, None, reason)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise NotUtf8Error(self._blocks._source, self.number, line) from error
