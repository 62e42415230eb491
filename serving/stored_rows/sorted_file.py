"""One sorted Parquet file of results: its row groups by key, each read with one ranged GET."""

from __future__ import annotations

import io
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

import pyarrow as pa
import pyarrow.parquet as pq

from contract.decoding import shortened
from contract.errors import ModelArtifactError
from contract.model_version import ResultsFile
from serving.budget import Budget
from serving.stored_rows.footer import Columns, Key, RowGroup, row_groups
from serving.stored_rows.range_cache import RangeCache
from serving.stored_rows.texts import checked, texts_of

_TAIL: Final = 64 * 1024
_MOST_FOOTER: Final = 16 * 2**20
# Of all row groups that are being read, packed and unpacked: one of the largest there may be.
_MOST_DECODING: Final = 512 * 2**20


class _Span(io.RawIOBase):
    """A file of which only some bytes are here: those from ``first`` on."""

    def __init__(self, size: int, first: int, body: bytes) -> None:
        super().__init__()
        self._size, self._first, self._body, self._at = size, first, memoryview(body), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        after = self._size if size < 0 else min(self._at + size, self._size)
        begin, end = self._at - self._first, after - self._first
        if begin < 0 or end > len(self._body):
            raise OSError(f"bytes {self._at} to {after} were not fetched")
        self._at = after
        return bytes(self._body[begin:end])


@dataclass(frozen=True)
class Footer:
    """A file's row groups, and its metadata as Arrow reads them."""

    metadata: Any
    groups: tuple[RowGroup, ...]

    @property
    def upper(self) -> tuple[Key | None, ...]:
        """Per row group an upper bound of its keys; None where the file does not tell."""
        return tuple(group.upper for group in self.groups)


class SortedFiles:
    """Reads row groups of results, and keeps the most recent ones decoded, up to ``limit_bytes``.

    Safe to share between threads.
    """

    def __init__(self, ranges: RangeCache, columns: Columns, limit_bytes: int = 64 * 2**20) -> None:
        self._ranges, self._columns, self._limit = ranges, columns, limit_bytes
        self._lock = threading.Lock()
        self._footers: OrderedDict[tuple[str, str], Footer] = OrderedDict()
        self._tables: OrderedDict[tuple[str, str, int], pa.Table] = OrderedDict()
        self._bytes = 0
        self._budget = Budget(_MOST_DECODING)
        # A lock is there as long as somebody reads that row group.
        self._reading: WeakValueDictionary[tuple[str, str, int], threading.Lock] = WeakValueDictionary()

    def footer(self, file: ResultsFile, sort_key: Sequence[str]) -> Footer:
        """Return the file's footer.

        Raises
        ------
        ModelArtifactError: not a Parquet file of results.
        """
        name = (file.key, file.etag)
        with self._lock:
            if (known := self._footers.get(name)) is not None:
                self._footers.move_to_end(name)
                return known
        try:
            tail, first = self._tail(file)
            size = int.from_bytes(tail[-8:-4], "little")
            groups = row_groups(tail[-8 - size : -8], file, sort_key, self._columns)
            metadata = pq.read_metadata(pa.PythonFile(_Span(file.bytes, first, tail), mode="r"))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ModelArtifactError(f"{file.key} is not a file of results: {shortened(str(error))}") from error
        footer = Footer(metadata, groups)
        with self._lock:
            self._footers[name] = footer
            while len(self._footers) > 256:
                self._footers.popitem(last=False)
        return footer

    def table(self, file: ResultsFile, footer: Footer, group: int) -> pa.Table:
        """Return row group ``group`` decoded.

        Raises
        ------
        ModelArtifactError: it cannot be decoded.
        """
        name = (file.key, file.etag, group)
        if (known := self._known(name)) is not None:
            return known
        with self._lock:
            reading = self._reading.setdefault(name, threading.Lock())
        # Whoever else asks for it waits, and finds it.
        with reading:
            if (known := self._known(name)) is not None:
                return known
            told = footer.groups[group]
            with self._budget.holding(told.after - told.first + told.unpacked_bytes):
                table = self._decode(file, footer, group)
            self._keep(name, table)
        return table

    def _known(self, name: tuple[str, str, int]) -> pa.Table | None:
        with self._lock:
            known = self._tables.get(name)
            if known is not None:
                self._tables.move_to_end(name)
            return known

    def _decode(self, file: ResultsFile, footer: Footer, group: int) -> pa.Table:
        first, after = footer.groups[group].first, footer.groups[group].after
        body = self._ranges.get(file.key, file.etag, first, after)
        try:
            source = pa.PythonFile(_Span(file.bytes, first, body), mode="r")
            texts = texts_of(footer.metadata)
            as_dictionary = [*texts, *(f"{name}.list.element" for name in self._columns.texts)]
            parquet = pq.ParquetFile(source, metadata=footer.metadata, read_dictionary=as_dictionary)
            return checked(parquet.read_row_group(group, use_threads=False), self._columns.keys, texts)
        except (pa.ArrowException, OSError, ValueError) as error:
            problem = f"row group {group} of {file.key} cannot be read: {shortened(str(error))}"
            raise ModelArtifactError(problem) from error

    def _keep(self, name: tuple[str, str, int], table: pa.Table) -> None:
        with self._lock:
            if name not in self._tables:
                self._bytes += table.nbytes
            self._tables[name] = table
            while self._bytes > self._limit and len(self._tables) > 1:
                _, dropped = self._tables.popitem(last=False)
                self._bytes -= dropped.nbytes

    def _tail(self, file: ResultsFile) -> tuple[bytes, int]:
        """Return the bytes of the footer and what is behind it, and where they begin."""
        first = max(0, file.bytes - _TAIL)
        tail = self._ranges.get(file.key, file.etag, first, file.bytes)
        needed = int.from_bytes(tail[-8:-4], "little") + 8
        if tail[-4:] != b"PAR1" or needed > min(_MOST_FOOTER, file.bytes):
            raise ValueError("it does not end as a Parquet file")
        if needed > len(tail):
            first = file.bytes - needed
            tail = self._ranges.get(file.key, file.etag, first, file.bytes)
        return tail, first


def first_group(upper: Sequence[Key | None], after: Key) -> int:
    """Return the first row group that may hold a key ≥ ``after``; a shortened bound counts as the highest.

    Bounds rise with the groups, so this halves; a group without a bound is never passed over.
    """

    def below(group: int) -> bool:
        bound = upper[group]
        return bound is not None and bound < after[: len(bound)]

    if any(bound is None for bound in upper):
        return next((group for group in range(len(upper)) if not below(group)), len(upper))
    return bisect_left(range(len(upper)), True, key=lambda group: not below(group))
