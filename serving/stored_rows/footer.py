"""The footer of a Parquet file of results: known columns, row groups of a bounded size, a bound of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from contract.model_version import ResultsFile
from serving.stored_rows.thrift import Fields, Reader

Key = tuple[Any, ...]

BOOLEAN, INT32, INT64, DOUBLE, TEXT = 0, 1, 2, 5, 6
"""Parquet's physical types, as far as they are read."""
_OF_FEATURES: Final = frozenset({BOOLEAN, INT64, DOUBLE, TEXT})
_REPEATED: Final = 2
# A few bytes may stand for a million equal cells, so cells are bounded beside bytes; training writes 20,000 rows.
_MOST_CELLS: Final = 32 * 2**20
MOST_BYTES: Final = 256 * 2**20


@dataclass(frozen=True)
class Columns:
    """The columns of a file of results, by physical type, beside the features; nothing is missing in the ``keys``."""

    types: Mapping[str, int]
    keys: tuple[str, ...]


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
        found = _Footer(Reader(body).struct(), columns.types)
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
    unpacked_bytes: int
    chunks: dict[str, _Chunk]


class _Footer:
    """A footer whose parts agree with each other."""

    def __init__(self, fields: Fields, types: Mapping[str, int]) -> None:
        columns = list(_columns(fields[2]))
        kinds = dict(columns)
        if len(kinds) < len(columns):
            raise ValueError("a column stands twice")
        for name, kind in types.items():
            if kinds.get(name) != kind:
                raise ValueError(f"it has no column {name} of its type")
        if any(kind not in _OF_FEATURES for name, kind in kinds.items() if name not in types):
            raise ValueError("a feature is of a type that results do not have")
        self.rows: int = fields[3]
        self.groups = [_group(group, columns) for group in fields[4]]


def _columns(elements: list[Fields]) -> Iterator[tuple[str, int]]:
    """Yield name and physical type of each column; the first element is the table itself."""
    if elements[0][5] != len(elements) - 1:
        raise ValueError("a column is nested")
    for element in elements[1:]:
        if element.get(5) or element[3] == _REPEATED:
            raise ValueError("a column is nested")
        # UTF8, as it was written first and as it is now.
        is_text = element.get(6) == 0 or 1 in element.get(10, {})
        kind = element[1]
        yield element[4].decode(), kind if kind != TEXT or is_text else -1


def _group(fields: Fields, columns: list[tuple[str, int]]) -> _Group:
    if len(fields[1]) != len(columns):
        raise ValueError(f"a row group has {len(fields[1])} of {len(columns)} columns")
    chunks = {}
    for (name, kind), chunk in zip(columns, fields[1], strict=True):
        facts = chunk[3]
        if facts[1] != kind or [part.decode() for part in facts[3]] != [name] or facts[5] != fields[3]:
            raise ValueError("a row group contradicts the columns")
        first = min(facts[9], facts.get(11) or facts[9])
        told = facts.get(12, {})
        exact = told.get(7, True) and told.get(8, True)
        least = _value(told.get(6), kind) if exact else None
        chunks[name] = _Chunk(first, first + facts[7], least, _value(told.get(5), kind))
    return _Group(fields[3], fields[2], chunks)


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
    if not 0 <= group.rows * len(group.chunks) <= _MOST_CELLS or not 0 <= group.unpacked_bytes <= MOST_BYTES:
        raise ValueError(f"a row group has {group.rows} rows and {group.unpacked_bytes} bytes")
    cells = group.rows * len(group.chunks)
    return RowGroup(first, after, _upper(group, sort_key), max(group.unpacked_bytes, 8 * cells))


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
