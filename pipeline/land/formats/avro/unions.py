"""A value that may be of several types: each is read as its own, as far as values tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from contract.stream_sections import Column
from pipeline.columns import arrow_type
from pipeline.land.formats.avro.schema import Node, kind
from pipeline.land.formats.avro.values import Reader, Values, avro_type, python_values, reader

_PYTHON: Final[Mapping[str, type]] = {
    "boolean": bool, "int": int, "long": int, "float": float, "double": float, "string": str, "enum": str,
    "bytes": bytes, "fixed": bytes, "record": dict, "error": dict, "map": dict, "array": list,
}  # fmt: skip
# What is the same when it has been read; the last is the widest.
_ALIKE: Final = (("int", "long"), ("float", "double"), ("enum", "string"), ("fixed", "bytes"))


@dataclass(frozen=True)
class _BySort:
    """Reads values by the Python types that fastavro gives them."""

    readers: Mapping[type, Reader]
    column: Column

    def __call__(self, values: Values) -> pa.Array:
        values = python_values(values)
        sorts = list(map(type, values))
        places: list[int] = []
        found: list[pa.Array] = []
        for sort in sorted(set(sorts), key=str):
            mine = [place for place, each in enumerate(sorts) if each is sort]
            chosen = [values[place] for place in mine]
            if sort is type(None):
                found.append(pa.nulls(len(mine), arrow_type(self.column.type)))
            elif (read := self.readers.get(sort)) is None:
                raise ValueError(f"holds a value of the union that is no {self.column.type}: {chosen[0]!r}"[:200])
            else:
                found.append(read(chosen))
            places += mine
        if not found:
            return pa.array([], arrow_type(self.column.type))
        return pa.concat_arrays(found).take(pa.array(np.argsort(places)))


def reader_of_any(branches: Sequence[Node], column: Column) -> Reader | None:
    """Return what reads values that are null or one of ``branches``; None where none of them fits, or none is told."""
    if not branches:
        return lambda values: pa.nulls(len(values), arrow_type(column.type))
    if len(branches) == 1:
        return reader(branches[0], column)
    sorts: dict[type, list[Node]] = {}
    for branch in branches:
        sorts.setdefault(_PYTHON.get(kind(branch), object), []).append(branch)
    readers: dict[type, Reader] = {}
    for sort, mine in sorts.items():
        found = [reader(branch, column) for branch in mine]
        if all(read is None for read in found):
            continue
        widest = _widest(mine)
        if widest is None or (read := found[widest]) is None or None in found:
            return None
        readers[sort] = read
    return _BySort(readers, column) if readers else None


def _widest(branches: Sequence[Node]) -> int | None:
    """Return which of ``branches`` reads all of them; None where a value does not say which it is of."""
    names = [avro_type(branch) for branch in branches]
    if len(set(names)) == 1 and not names[0].startswith("decimal("):
        return 0
    alike = next((group for group in _ALIKE if set(names) <= set(group)), None)
    return None if alike is None else max(range(len(names)), key=lambda place: alike.index(names[place]))
