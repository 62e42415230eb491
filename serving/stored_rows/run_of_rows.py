"""Rows that follow each other in a decoded row group."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa

from serving.stored_rows.footer import Key

# Arrow makes Python objects without letting other threads in: some milliseconds at a time, and one thread at a time,
# so that the event loop waits for one of them and never for all.
_PIECE_CELLS: Final = 5_000
_making_objects: Final = threading.Lock()


class RunOfRows:
    """Rows ``begin`` ≤ i < ``end`` of ``table``, which is sorted by ``sort_key``; ``written`` makes answers of them."""

    def __init__(
        self,
        table: pa.Table,
        sort_key: Sequence[str],
        written: Callable[[pa.Table], list[dict[str, Any]]],
        *,
        begin: int = 0,
        end: int | None = None,
    ) -> None:
        self._table, self._sort_key, self._written = table, sort_key, written
        self._begin, self._end = begin, table.num_rows if end is None else end
        self._keys = [table.column(name) for name in sort_key]

    def __len__(self) -> int:
        """Return the number of rows."""
        return max(0, self._end - self._begin)

    def above(self, key: Key) -> RunOfRows:
        """Return the rows above ``key``; where it is shortened, those that it begins are above it."""
        find = bisect_right if len(key) == len(self._keys) else bisect_left
        return self._part(find(range(self._end), key, self._begin, key=self._key), self._end)

    def until(self, key: Key) -> RunOfRows:
        """Return the rows whose key begins with ``key``, or is below it."""
        behind = bisect_right(range(self._end), key, self._begin, key=lambda i: self._key(i)[: len(key)])
        return self._part(self._begin, behind)

    def first(self, count: int) -> RunOfRows:
        """Return the first ``count`` rows."""
        return self._part(self._begin, min(self._end, self._begin + count))

    def _pieces(self) -> Iterator[RunOfRows]:
        step = max(1, _PIECE_CELLS // self._table.num_columns)
        for begin in range(self._begin, self._end, step):
            yield self._part(begin, min(begin + step, self._end))

    def answers(self) -> list[dict[str, Any]]:
        """Return the rows as they are answered."""
        found: list[dict[str, Any]] = []
        for piece in self._pieces():
            with _making_objects:
                found += piece._answered()
        return found

    def lines(self) -> Iterator[bytes]:
        """Yield the rows as lines of JSON, some at a time."""
        for piece in self._pieces():
            with _making_objects:
                lines = [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in piece._answered()]
            yield b"".join(lines)

    def _answered(self) -> list[dict[str, Any]]:
        return self._written(self._table.slice(self._begin, len(self)))

    def _key(self, i: int) -> Key:
        return tuple(column[i].as_py() for column in self._keys)

    def _part(self, begin: int, end: int) -> RunOfRows:
        return RunOfRows(self._table, self._sort_key, self._written, begin=begin, end=end)
