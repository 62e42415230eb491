"""Looks at all rows of a data file, of whatever form, and at what its columns hold."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import SourceFileError
from contract.record_path import RecordPath, Step
from pipeline.describe.arrow_column import ArrowColumn
from pipeline.describe.dialect import HEAD_BYTES, Dialect, NoRowsError, dialect_of, encoding_of, other_encoding
from pipeline.describe.json_column import JsonColumn
from pipeline.describe.lines_in_utf8 import are_utf8
from pipeline.describe.nested import MOST_PATHS, TOO_MANY, is_half, leads_nowhere, torn, walk
from pipeline.describe.text_blocks import NotUtf8Error, TextBlocks
from pipeline.describe.text_column import TextColumn
from pipeline.replay.arrow_file import open_arrow
from pipeline.replay.json_array import is_array, json_array_values
from pipeline.replay.json_lines import json_line_values
from pipeline.replay.lines import InUtf8
from pipeline.replay.opened import Opened, opened
from pipeline.replay.place import files_of

Key = str | int | RecordPath
"""What a file calls a column, or its place there, from 1, or where in nested objects it is."""
Found = TextColumn | ArrowColumn | JsonColumn
Leaves = list[tuple[tuple[Step, ...], object]]
_HALF = "half of a character"
_JSON_ROWS = 5_000
_ARROW_BYTES = 2**24
_MOST_ROWS = 100_000
_MOST_THREADS = 2


@dataclass
class FileTable:
    """What was found in a data file, or in several that are one."""

    columns: dict[Key, Found] = field(default_factory=dict)
    rows: int = 0
    source: dict[str, Any] = field(default_factory=dict)
    """What the stream file has to say of the way it is written."""
    notes: list[str] = field(default_factory=list)
    bad: int = 0
    first_bad: SourceFileError | None = None
    labels: dict[Key, str] = field(default_factory=dict)
    """What the file calls the columns whose key is a place."""
    elsewhere: dict[Key, str] = field(default_factory=dict)
    """Columns that are not the same in all of the files, with the reason."""

    passes_damage: bool = False
    """Whether a line that is no UTF-8 is a bad line, and no other encoding."""
    dialect: Dialect | None = None
    """How the first of them that is text is written."""

    def on_bad(self, error: SourceFileError) -> None:
        """Count what is no row."""
        self.bad += 1
        self.first_bad = self.first_bad or error


def table_of(path: Path, progress: Callable[[int], None] = lambda _: None) -> FileTable:
    """Return what the file at ``path``, or those that it stands for, hold; ``progress`` is told of bytes that are done.

    Raises
    ------
    SourceFileError: it cannot be read, or holds no rows and no names.
    """
    try:
        return _read_all(path, None, progress)
    except NotUtf8Error as error:
        if are_utf8(files_of(path)):
            return _read_all(path, None, progress, passes_damage=True)
        encoding = other_encoding(error.piece)
    except UnicodeDecodeError:
        encoding = "latin-1"
    try:
        found = _read_all(path, encoding, progress)
    except UnicodeDecodeError:
        found = _read_all(path, encoding := "latin-1", progress)
    found.notes.append(f"source.encoding: it is no UTF-8, and is taken for {encoding}; look at its accents")
    return found


def _read_all(
    path: Path, encoding: str | None, progress: Callable[[int], None], *, passes_damage: bool = False
) -> FileTable:
    found = FileTable(passes_damage=passes_damage)
    for place, file in enumerate(files_of(path)):
        _Reading(file, found, encoding, progress, is_first=place == 0).read()
    for key in found.elsewhere:
        found.columns.pop(key, None)
    return found


class _Reading:
    """Reads one file into the columns of ``found``."""

    def __init__(
        self, path: Path, found: FileTable, encoding: str | None, progress: Callable[[int], None], *, is_first: bool
    ) -> None:
        self._path, self._progress, self._is_first = path, progress, is_first
        self._found, self._encoding = found, encoding
        self._pool = ThreadPoolExecutor(_MOST_THREADS)

    def read(self) -> None:
        with ExitStack() as stack, self._pool:
            found = opened(self._path, stack)
            if found.form in {"text", "json"}:
                self._read(found, self._own_encoding(found.file.peek(4096)[:4096]))
            else:
                self._arrow(found)

    def _own_encoding(self, head: bytes) -> str:
        """Return the encoding of this file, which is that of the first.

        Raises
        ------
        SourceFileError: it is another.
        """
        marked = encoding_of(head)
        own = self._encoding if self._encoding is not None and marked == "utf-8" else marked
        first = own if self._is_first else self._found.source.get("encoding", "utf-8")
        if own != first:
            problem = f"is written in {marked}, and other files in {first}: `source.encoding` is one for all of them"
            raise SourceFileError(str(self._path), 1, None, problem)
        return own

    def _columns(self, made: dict[Key, Found]) -> dict[Key, Found]:
        """Return the columns of this file, those of the files before where they are alike."""
        if self._is_first:
            self._found.columns = made
            return made
        known = self._found.columns
        for key in (*made, *known):
            if key not in known or key not in made:
                self._found.elsewhere.setdefault(key, "not all of the files have it")
            elif not _alike(known[key], made[key]):
                self._found.elsewhere.setdefault(key, "its type is not the same in all files")
        return {key: column if key in self._found.elsewhere else known[key] for key, column in made.items()}

    def _read(self, found: Opened, encoding: str) -> None:
        if encoding != "utf-8":
            self._found.source["encoding"] = encoding
        if found.form == "text":
            file = found.file if encoding == "utf-8" else io.BufferedReader(cast("Any", InUtf8(found.file, encoding)))
            self._text(file)
        else:
            self._json(found.file, encoding)

    def _text(self, file: IO[bytes]) -> None:
        blocks = TextBlocks(str(self._path), file, self._found.on_bad, passes_damage=self._found.passes_damage)
        lines = blocks.head(HEAD_BYTES)
        if not any(line.strip() for line in lines):
            raise SourceFileError(str(self._path), 1, None, "the file is empty: there is nothing to describe")
        if any("\0" in line for line in lines):
            raise SourceFileError(str(self._path), 1, None, "it holds NUL, and is no text: what form has it?")
        is_first = self._found.dialect is None
        dialect = self._dialect(lines)
        keys = _keys(dialect)
        labels = dict(zip(keys, dialect.names or (), strict=False))
        if is_first:
            self._found.labels = labels
            self._found.notes += dialect.notes
            self._found.source |= _said(dialect, keys)
            self._found.dialect = dialect
        for key, label in labels.items():
            if self._found.labels.get(key, label) != label:
                self._found.elsewhere[key] = f"{label!r} is at its place in {self._path}"
        columns = list(self._columns({key: TextColumn() for key in keys}).values())
        told, rows_before = 0, self._found.rows
        for cells in blocks.columns(dialect):
            self._found.rows += len(cells[0])
            if len(cells) == len(columns):
                list(self._pool.map(_add, columns, cells))
            self._progress(blocks.read_bytes - told)
            told = blocks.read_bytes
        # With names there are columns to tell of; without, replay refuses such a file as well.
        if dialect.names is None and self._found.rows == rows_before:
            first, source = self._found.first_bad, str(self._path)
            said = ""
            # The first of several files may have had faults of its own.
            if first is not None and first.source == source:
                said = f"; the first of its faults is line {first.line}: {first.problem}"
            raise SourceFileError(source, None, None, f"none of its rows can be read{said}")

    def _dialect(self, lines: Sequence[str]) -> Dialect:
        try:
            dialect = dialect_of(lines)
        except NoRowsError as error:
            raise SourceFileError(str(self._path), 1, None, str(error)) from error
        if self._found.dialect is not None and not dialect.is_as(self._found.dialect):
            problem = "is not written as the first file is: `source` says one delimiter, and one header, for all"
            raise SourceFileError(str(self._path), 1, None, problem)
        return dialect

    def _json(self, file: io.BufferedReader, encoding: str) -> None:
        source = str(self._path)
        values = (
            json_array_values(source, file, encoding) if is_array(file, encoding)
            else json_line_values(source, file, encoding, self._found.on_bad)
        )  # fmt: skip
        block: list[Leaves] = []
        for _, line, found in values:
            if not isinstance(found, dict):
                self._found.on_bad(SourceFileError(source, line, None, "JSON, but not an object"))
                continue
            leaves = list(walk(found))
            if any(is_half(value) for _, value in leaves):
                self._found.on_bad(SourceFileError(source, line, None, f"{_HALF}, which no record can hold"))
                continue
            block.append(leaves)
            if len(block) == _JSON_ROWS:
                self._objects(block)
                block = []
        self._objects(block)
        self._refuse_passages()
        if not self._found.rows:
            first = self._found.first_bad
            why = "there is nothing to describe" if first is None else f"the first of its faults is line {first.line}"
            said = "" if first is None else f": {first.problem}"
            raise SourceFileError(str(self._path), None, None, f"it holds no objects: {why}{said}")

    def _objects(self, block: Sequence[Leaves]) -> None:
        values: dict[Key, list[object]] = {}
        for leaves in block:
            for steps, value in leaves:
                values.setdefault(steps[0] if len(steps) == 1 else RecordPath(steps), []).append(value)
        for name in values:
            if name in self._found.columns:
                continue
            if (fault := self._no_key(name)) is not None:
                self._found.notes += [] if fault in self._found.notes else [fault]
            else:
                new = JsonColumn()
                new.add([], self._found.rows)
                self._found.columns[name] = new
        for known, column in self._found.columns.items():
            if isinstance(column, JsonColumn):
                column.add(values.get(known, []), len(block))
        self._found.rows += len(block)

    def _no_key(self, key: Key) -> str | None:
        """Return why no column is begun for ``key``."""
        steps = key.steps if isinstance(key, RecordPath) else (key,)
        if any(map(is_half, steps)):
            return f"a key of its objects holds {_HALF}, and is no column"
        return TOO_MANY if len(self._found.columns) >= MOST_PATHS else None

    def _refuse_passages(self) -> None:
        """Leave out what is a value in some objects, and holds others in others."""
        columns = self._found.columns
        paths = {key.steps: key for key in columns if isinstance(key, RecordPath)}
        self._found.elsewhere |= {paths[steps]: said for steps, said in torn(paths).items()}
        for key in [key for key in columns if isinstance(key, RecordPath)]:
            for passed in (key.steps[:depth] for depth in range(1, len(key.steps))):
                before = str(passed[0]) if len(passed) == 1 else RecordPath(passed)
                if before in columns and _has_values(columns[before]):
                    self._found.elsewhere |= {
                        key: f"{before} is a value in some objects",
                        before: "it holds others, too",
                    }
                elif before in columns:
                    self._found.elsewhere[before] = "it holds others"
        for key in [key for key in columns if isinstance(key, RecordPath) and leads_nowhere(key.steps)]:
            del columns[key]
            self._found.elsewhere.pop(key, None)

    def _arrow(self, found: Opened) -> None:
        schema, batches = _arrow_batches(self._path, found)
        once = [name for name, count in Counter(schema.names).items() if count == 1]
        columns = self._columns({
            name: TextColumn(null_words=False) if _is_text(kind := schema.field(name).type) else ArrowColumn(kind)
            for name in once
        })  # fmt: skip
        try:
            for batch in batches:
                for name, column in columns.items():
                    _add(column, batch.column(str(name)))
                self._found.rows += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise SourceFileError(str(self._path), None, None, f"cannot be read on: {error}") from error


def _arrow_batches(path: Path, found: Opened) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    if not found.seekable:
        reason = f"{found.form.title()} is read from a plain file: it has its index at its end, and is packed inside"
        raise SourceFileError(str(path), None, None, reason)
    try:
        if found.form == "arrow":
            return open_arrow(path, found.file)
        parquet = pq.ParquetFile(found.file)
        groups = [parquet.metadata.row_group(number) for number in range(parquet.metadata.num_row_groups)]
        widest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=1)
        return parquet.schema_arrow, parquet.iter_batches(max(1, min(_MOST_ROWS, _ARROW_BYTES // max(1, widest))))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceFileError(str(path), None, None, f"not {found.form.title()}: {error}") from error


def _add(column: Found, cells: pa.Array) -> None:
    if isinstance(column, TextColumn) and pa.types.is_dictionary(cells.type):
        cells = cells.cast(pa.string())
    assert not isinstance(column, JsonColumn)  # noqa: S101 - those come with their objects
    column.add(cells)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _has_values(column: Found) -> bool:
    """Whether a key of objects holds a value, or a list that is not looked into, in some of them."""
    seen = column.text if isinstance(column, JsonColumn) else column
    is_list = isinstance(column, JsonColumn) and column.is_nested
    return is_list or any(rows > missing for rows, missing in seen.missing)


def _said(dialect: Dialect, keys: Sequence[Key]) -> dict[str, Any]:
    """Return what the stream file says of ``dialect``."""
    told = dialect.delimiter != "," or not any(isinstance(key, str) for key in keys)
    return ({} if dialect.names is not None else {"header": False}) | ({"delimiter": dialect.delimiter} if told else {})


def _alike(before: Found, now: Found) -> bool:
    if isinstance(before, ArrowColumn) and isinstance(now, ArrowColumn):
        return before.widen(now)
    return type(before) is type(now)


def _keys(dialect: Dialect) -> list[Key]:
    if dialect.names is None:
        return list(range(1, dialect.width + 1))
    counts = Counter(dialect.names)
    return [name if counts[name] == 1 else place for place, name in enumerate(dialect.names, start=1)]
