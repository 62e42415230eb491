"""Columns that lie somewhere in nested values: the schema by which Arrow reads these, and the way to each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.record_path import RecordPath, Step


@dataclass
class _Place:
    """What a value has to be: a leaf of ``type``, an object of ``fields``, or a list of ``items``."""

    type: pa.DataType | None = None
    fields: dict[str, _Place] = field(default_factory=dict)
    items: _Place | None = None

    def at(self, step: Step) -> _Place:
        """Return the place behind ``step``, made where it is new."""
        if isinstance(step, str):
            return self.fields.setdefault(step, _Place())
        self.items = self.items or _Place()
        return self.items

    def arrow_type(self) -> pa.DataType:
        """Return what Arrow calls it."""
        if self.items is not None:
            return pa.list_(self.items.arrow_type())
        return self.type or pa.struct(self._fields())

    def schema(self) -> pa.Schema:
        """Return it, which is an object, as the schema of records."""
        return pa.schema(self._fields())

    def _fields(self) -> list[pa.Field]:
        return [pa.field(name, place.arrow_type()) for name, place in self.fields.items()]


def nested_schema(flat: pa.Schema, paths: Mapping[str, RecordPath]) -> pa.Schema:
    """Return the schema of records that have each column of ``flat`` at its path."""
    top = _Place()
    for column in flat:
        place = top
        for step in paths[column.name].steps:
            place = place.at(step)
        place.type = column.type
    return top.schema()


def flattened(records: pa.Table, paths: Mapping[str, RecordPath]) -> pa.Table:
    """Return the columns at ``paths`` of ``records``, which are of their nested schema, in the order of the paths."""
    return pa.table({name: _leaf(records, path) for name, path in paths.items()})


def _leaf(records: pa.Table, path: RecordPath) -> pa.ChunkedArray:
    name, *steps = path.steps
    found = records.column(records.schema.get_field_index(str(name)))
    if not steps:
        return found
    values = found.combine_chunks()
    for step in steps:
        # Both give null where the object or the list is null.
        values = pc.struct_field(values, [step]) if isinstance(step, str) else _element(values, step)
    return pa.chunked_array([values])


def _element(lists: pa.ListArray, place: int) -> pa.Array:
    """Return the element at ``place`` of each list, null where there is none."""
    offsets = lists.offsets.to_numpy()
    starts, lengths = offsets[:-1], np.diff(offsets)
    there = (lengths > place) & lists.is_valid().to_numpy(zero_copy_only=False)
    return lists.values.take(pa.array(np.where(there, starts + place, 0), mask=~there))
