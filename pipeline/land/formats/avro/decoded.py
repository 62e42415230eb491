"""Records of one schema that were read: as columns where that can be, else as fastavro reads each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa

from contract.record_path import Step
from pipeline.land.formats.avro.columnwise import Columns, Mask, Steps, read_columns
from pipeline.land.formats.avro.one_value import NotOneRecordError, one_value
from pipeline.land.formats.avro.schema import AvroSchema
from pipeline.land.formats.avro.values import Values
from pipeline.land.origins import Longs

# Offsets of Arrow's strings have 32 bits.
_MOST_AT_ONCE: Final = 1 << 30

Record = Mapping[str, Any]


class Decoded(Protocol):
    """n records."""

    @property
    def count(self) -> int:
        """How many."""
        ...

    def values(self, steps: Steps) -> Values:
        """Return what lies at ``steps``, null where nothing does."""
        ...

    def there(self, steps: Steps) -> Mask:
        """Return which of them have a record at ``steps``."""
        ...

    def kept(self, rows: Longs) -> Decoded:
        """Return those of numbers ``rows`` alone."""
        ...


@dataclass(frozen=True)
class OneByOne:
    """Records as dictionaries."""

    records: Sequence[Record]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.records)

    def values(self, steps: Steps) -> Values:
        """Return what lies at ``steps``, None where nothing does."""
        if len(steps) == 1:
            return list(map(itemgetter(steps[0]), self.records))
        return [_walk(record, steps) for record in self.records]

    def there(self, steps: Steps) -> Mask:
        """Return which of them have a record at ``steps``."""
        return np.array([isinstance(_walk(record, steps), dict) for record in self.records], dtype=np.bool_)

    def kept(self, rows: Longs) -> OneByOne:
        """Return those of numbers ``rows`` alone."""
        return OneByOne([self.records[row] for row in rows.tolist()])


@dataclass(frozen=True)
class AsColumns:
    """Records as columns."""

    columns: Columns
    count: int

    def values(self, steps: Steps) -> Values:
        """Return what lies at ``steps``, null where nothing does."""
        found = self.columns.fields.get(steps)
        if found is None and (behind := self._behind(steps)) is not None:
            return behind
        return pa.nulls(self.count) if found is None else found

    def there(self, steps: Steps) -> Mask:
        """Return which of them have a record at ``steps``."""
        found = self.columns.there.get(steps)
        if found is None and (behind := self._behind(steps)) is not None:
            return np.array([isinstance(each, dict) for each in behind], dtype=np.bool_)
        return np.zeros(self.count, dtype=np.bool_) if found is None else found

    def kept(self, rows: Longs) -> AsColumns:
        """Return those of numbers ``rows`` alone."""
        taken = pa.array(rows)
        fields = {steps: values.take(taken) for steps, values in self.columns.fields.items()}
        there = {steps: mask[rows] for steps, mask in self.columns.there.items()}
        loose = {steps: [values[row] for row in rows.tolist()] for steps, values in self.columns.loose.items()}
        return AsColumns(Columns(fields, there, {}, loose), len(rows))

    def _behind(self, steps: Steps) -> list[Any] | None:
        """Return what lies at ``steps`` behind a field that was read one after the other."""
        for length in range(1, len(steps) + 1):
            if (values := self.columns.loose.get(steps[:length])) is not None:
                return [_walk(value, steps[length:]) for value in values]
        return None


def decoded(
    schema: AvroSchema, bodies: Sequence[bytes], wanted: frozenset[Steps]
) -> tuple[Decoded, Longs, dict[int, str]]:
    """Return the fields ``wanted`` of the records ``bodies``, which of them each is, and why the others are none."""
    if schema.as_columns and sum(map(len, bodies)) < _MOST_AT_ONCE:
        found = read_columns(schema, bodies, wanted)
        whole = AsColumns(found, len(bodies))
        if not found.faults:
            return whole, np.arange(len(bodies)), {}
        rows = np.array([row for row in range(len(bodies)) if row not in found.faults], dtype=np.int64)
        return whole.kept(rows), rows, dict(found.faults)
    records: list[Record] = []
    places: list[int] = []
    faults: dict[int, str] = {}
    for place, body in enumerate(bodies):
        try:
            records.append(one_record(schema, body))
            places.append(place)
        except NotOneRecordError as error:
            faults[place] = str(error)
    return OneByOne(records), np.array(places, dtype=np.int64), faults


def one_record(schema: AvroSchema, body: bytes) -> Record:
    """Return the record of ``schema`` that ``body`` is.

    Raises
    ------
    NotOneRecordError: it is none of the schema, or more than one.
    """
    found, end = one_value(schema, schema.whole, body)
    if left := len(body) - end:
        raise NotOneRecordError(f"{left} bytes are left behind the record")
    record: Record = found
    return record


def _walk(found: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        if isinstance(step, str):
            found = found.get(step) if isinstance(found, dict) else None
        else:
            found = found[step] if isinstance(found, list) and step < len(found) else None
        if found is None:
            return None
    return found
