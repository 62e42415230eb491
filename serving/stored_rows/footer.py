"""The footer of a Parquet file of results: known columns, row groups of a bounded size, a bound of their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from contract.model_version import ResultsFile
from serving.stored_rows.thrift import Fields, Reader

Key = tuple[Any, ...]
Path: TypeAlias = tuple[str, ...]

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, TEXT = 0, 1, 2, 4, 5, 6
"""Parquet's physical types, as far as they are read."""
_OF_FEATURES: Final = frozenset({BOOLEAN, INT64, DOUBLE, TEXT})
_REPEATED: Final = 2
# A few bytes may stand for a million equal cells, so cells are bounded beside bytes; training writes 20,000 rows.
_MOST_CELLS: Final = 32 * 2**20
MOST_BYTES: Final = 256 * 2**20


@dataclass(frozen=True)
class Columns:
    """The columns of a file of results, by physical type, beside the features.

    Nothing is missing in the ``keys``, of which the first is text. ``lists`` are columns of lists, by the type of what
    these hold.
    """

    types: Mapping[str, int]
    keys: tuple[str, ...]
    lists: Mapping[str, int] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are lists of text."""
        return tuple(name for name, kind in self.lists.items() if kind == TEXT)


@dataclass(frozen=True)
class RowGroup:
    """Bytes ``first`` ≤ b < ``after`` of a file, and a key that none in the group is above; None if it is not told.

    The key is shortened where later columns are not bounded by it.
    """

    first: int
    after: int
    upper: Key | None
    unpacked_bytes: int


def row_groups(body: bytes, file: ResultsFile, sort_key: Sequence[str], columns: Columns) -> tuple[RowGroup, ...]:
    """Return the row groups that the footer ``body`` of ``file`` tells of.

    Raises
    ------
    ValueError: not the footer of a file of results; says why.
    """
    try:
        found = _Footer(Reader(body).struct(), columns)
        if found.rows != file.rows or sum(group.rows for group in found.groups) != found.rows:
            raise ValueError(f"it has {found.rows} rows, its manifest says {file.rows}")
        return tuple(_row_group(group, file, sort_key) for group in found.groups)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"its footer lacks what every footer has: {error!r}") from error


class _Chunk(msgspec.Struct, frozen=True):
    """One column of a row group."""

    first: int
    after: int
    least: Any
    most: Any


class _Group(msgspec.Struct, frozen=True):
    """What a footer tells of a row group."""

    rows: int
    cells: int
    unpacked_bytes: int
    chunks: dict[str, _Chunk]


class _Footer:
    """A footer whose parts agree with each other."""

    def __init__(self, fields: Fields, columns: Columns) -> None:
        found = list(_columns(fields[2], columns.lists))
        kinds = {path[0]: kind for path, kind in found}
        if len(kinds) < len(found):
            raise ValueError("a column stands twice")
        known = {**columns.types, **columns.lists}
        for name, kind in known.items():
            if kinds.get(name) != kind:
                raise ValueError(f"it has no column {name} of its type")
        if any(kind not in _OF_FEATURES for name, kind in kinds.items() if name not in known):
            raise ValueError("a feature is of a type that results do not have")
        self.rows: int = fields[3]
        self.groups = [_group(group, found) for group in fields[4]]


def _columns(elements: list[Fields], lists: Collection[str]) -> Iterator[tuple[Path, int]]:
    """Yield path and physical type of each column; the first element is the table itself, and the rest below it."""
    rest = iter(elements[1:])
    for _ in range(elements[0][5]):
        path = _list(rest) if (column := next(rest))[4].decode() in lists else []
        leaf = next(rest) if path else column
        if leaf.get(5) or leaf[3] == _REPEATED or bool(path) != bool(column.get(5)):
            raise ValueError("a column is nested")
        # UTF8, as it was written first and as it is now.
        is_text = leaf.get(6) == 0 or 1 in leaf.get(10, {})
        kind = leaf[1]
        names = [column[4].decode(), *path, *([leaf[4].decode()] if path else [])]
        yield tuple(names), kind if kind != TEXT or is_text else -1
    if next(rest, None) is not None:
        raise ValueError("a column is nested")


def _list(rest: Iterator[Fields]) -> list[str]:
    """Return the path from a column of lists to what these hold: one group, which repeats."""
    group = next(rest)
    if group.get(5) != 1 or group[3] != _REPEATED:
        raise ValueError("a column is nested otherwise than lists are")
    return [group[4].decode()]


def _group(fields: Fields, columns: list[tuple[Path, int]]) -> _Group:
    if len(fields[1]) != len(columns):
        raise ValueError(f"a row group has {len(fields[1])} of {len(columns)} columns")
    chunks, cells = {}, 0
    for (path, kind), chunk in zip(columns, fields[1], strict=True):
        facts, name = chunk[3], path[0]
        if facts[1] != kind or tuple(part.decode() for part in facts[3]) != path:
            raise ValueError("a row group contradicts the columns")
        # A list has a cell for each of its values, and for there being none.
        if facts[5] != fields[3] if len(path) == 1 else facts[5] < fields[3]:
            raise ValueError("a row group contradicts the columns")
        cells += facts[5]
        first = min(facts[9], facts.get(11) or facts[9])
        told = facts.get(12, {}) if len(path) == 1 else {}
        exact = told.get(7, True) and told.get(8, True)
        least = _value(told.get(6), kind) if exact else None
        chunks[name] = _Chunk(first, first + facts[7], least, _value(told.get(5), kind))
    return _Group(fields[3], cells, fields[2], chunks)


def _value(plain: bytes | None, kind: int) -> Any:
    """Return a value as statistics hold it; None where there is none."""
    if plain is None or kind in {DOUBLE, BOOLEAN}:
        return None
    if kind == TEXT:
        return plain.decode()
    if len(plain) != (4 if kind == INT32 else 8):
        raise ValueError("a statistic has another length than its column's values")
    return int.from_bytes(plain, "little", signed=True)


def _row_group(group: _Group, file: ResultsFile, sort_key: Sequence[str]) -> RowGroup:
    first = min(chunk.first for chunk in group.chunks.values())
    after = max(chunk.after for chunk in group.chunks.values())
    if not 0 <= first < after <= file.bytes or after - first > MOST_BYTES:
        raise ValueError(f"a row group is at bytes {first} to {after} of {file.bytes}")
    if not 0 <= group.rows <= group.cells <= _MOST_CELLS or not 0 <= group.unpacked_bytes <= MOST_BYTES:
        raise ValueError(f"a row group has {group.rows} rows and {group.unpacked_bytes} bytes")
    return RowGroup(first, after, _upper(group, sort_key), max(group.unpacked_bytes, 8 * group.cells))


def _upper(group: _Group, sort_key: Sequence[str]) -> Key | None:
    upper: list[Any] = []
    for name in sort_key:
        chunk = group.chunks[name]
        if chunk.most is None:
            break
        upper.append(chunk.most)
        if chunk.least != chunk.most:
            # The next column's maximum need not belong to this value.
            break
    return tuple(upper) or None
