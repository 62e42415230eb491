"""What is asked of rows whatever they were read from: required values are there, numbers finite, and all is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contract.stream_sections import Column
from pipeline.land.formats import debezium
from pipeline.land.formats.format import RejectedRecord
from pipeline.land.origins import Longs


def checked_rows(
    rows: pa.Table,
    indexes: Longs,
    columns: Mapping[str, Column],
    rejected: list[RejectedRecord],
    *,
    is_event: bool = False,
) -> tuple[pa.Table, Longs]:
    """Return ``rows`` and their ``indexes`` without those that lack what is required, which go to ``rejected``.

    is_event: whether they are of change events, which may not tell a value
    """
    bad = np.zeros(len(indexes), dtype=np.bool_)
    for name, column in columns.items():
        values = rows.column(name)
        if column.required and values.null_count:
            bad |= _reject(rejected, indexes, bad, pc.is_null(values), f"column {name!r} is required, and absent")
        if pa.types.is_floating(values.type):
            wild = pc.invert(pc.fill_null(pc.is_finite(values), True))
            if pc.any(wild).as_py():
                bad |= _reject(rejected, indexes, bad, wild, f"column {name!r} is NaN, infinite or out of range")
        if is_event and column.in_value and (mark := debezium.UNTOLD.get(column.type)) is not None:
            untold = pc.fill_null(pc.equal(values, mark), False)
            if pc.any(untold).as_py():
                bad |= _reject(rejected, indexes, bad, untold, debezium.why_untold(name))
    if not bad.any():
        return rows, indexes
    return rows.filter(pa.array(~bad)), indexes[~bad]


def _reject(
    rejected: list[RejectedRecord],
    indexes: Longs,
    already: npt.NDArray[np.bool_],
    mask: pa.ChunkedArray,
    reason: str,
) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = mask.to_numpy().astype(np.bool_)
    rejected.extend(RejectedRecord(int(index), reason) for index in indexes[found & ~already])
    return found
