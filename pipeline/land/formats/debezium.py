"""Debezium's change events: which of them say what a row is now, and which that it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contract import record_sections
from contract.record_path import RecordPath, kind_of
from pipeline.land.formats.format import RejectedRecord
from pipeline.land.origins import Longs

OP: Final = RecordPath((record_sections.OP,), from_root=True)
ROW: Final = RecordPath((record_sections.ROW,), from_root=True)
_MARK = "__debezium_unavailable_value"
UNTOLD: Final = {"string": pa.scalar(_MARK), "binary": pa.scalar(_MARK.encode())}
"""By a column's type, what stands for a value that did not change, and that the database's log does not hold."""

_ROWS = frozenset({"c", "r", "u"})
_DELETE = "d"
_REFUSED = {
    "t": "the table was emptied, which says of no row what becomes of it",
    "m": "a message of the database's log, and no row",
}


def event_of(record: object) -> object:
    """Return the change event in ``record``, with or without its schema beside it."""
    inner = record.get(record_sections.WRAPPER) if isinstance(record, Mapping) else None
    return inner if isinstance(inner, Mapping) else record


def sorted_out(
    ops: pa.ChunkedArray, has_row: npt.NDArray[np.bool_], indexes: Longs, rejected: list[RejectedRecord]
) -> tuple[npt.NDArray[np.bool_], Longs]:
    """Return which events are rows, and the ``indexes`` of deletes; what is neither goes to ``rejected``.

    ops: of each event, null where it has none
    has_row: whether its `after` is an object
    """
    said = ops.dictionary_encode().combine_chunks()
    words = said.dictionary.to_pylist()
    codes = said.indices.fill_null(len(words)).to_numpy()
    is_row = np.array([*(word in _ROWS for word in words), False])[codes]
    is_delete = np.array([*(word == _DELETE for word in words), False])[codes]
    keep = is_row & has_row
    for place in np.flatnonzero(~keep & ~is_delete).tolist():
        op = [*words, None][codes[place]]
        rejected.append(RejectedRecord(int(indexes[place]), why_no_row(op)))
    return keep, indexes[is_delete]


def why_untold(column: str) -> str:
    """Return why an event that does not tell ``column`` makes no row: null would be another value."""
    said = "REPLICA IDENTITY FULL lets PostgreSQL log it, or leave the column out"
    return f"column {column!r} did not change, and the event does not tell its value: {said}"


def why_no_row(op: str | None) -> str:
    """Return why an event with ``op`` makes no row."""
    if op is None:
        return "no change event: `op` is missing; `envelope: debezium` takes Debezium's own, not its unwrapped rows"
    if op in _ROWS:
        return f"change event {op!r} without a row in `after`"
    return f"change event {op[:40]!r}: {_REFUSED.get(op, 'not one that is known')}"


def fault(event: object) -> str | None:
    """Return what is wrong with the envelope of an event, None where it is none of its own faults."""
    op = event.get("op") if isinstance(event, Mapping) else None
    if op is not None and not isinstance(op, str):
        return f"no change event: `op` is {kind_of(op)}"
    return None
