"""The decoded rows of a file of results: keys that can be compared, ids that can be written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from contract.model_version import ROW_ID
from serving.stored_rows.footer import MOST_BYTES

_LONGEST_ID: Final = 64 * 1024


def checked(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return a decoded row group whose ids come as a dictionary, with plain ids; its ``keys`` are all there.

    Raises
    ------
    ValueError: its keys cannot be compared, or are too large to be written out.
    """
    missing = [name for name in keys if table.column(name).null_count]
    if missing:
        raise ValueError(f"{missing[0]} is missing in a row")
    lengths = pc.binary_length(table.column(ROW_ID).combine_chunks().dictionary)
    if (pc.max(lengths).as_py() or 0) > _LONGEST_ID:
        raise ValueError(f"a row id has more than {_LONGEST_ID} bytes")
    ids = table.column(ROW_ID).combine_chunks()
    if (pc.sum(lengths.take(ids.indices)).as_py() or 0) > MOST_BYTES:
        raise ValueError(f"its row ids have more than {MOST_BYTES} bytes")
    plain = table.set_column(table.column_names.index(ROW_ID), ROW_ID, ids.cast(pa.string())).combine_chunks()
    # Texts that are not UTF-8 would be found by whoever reads them.
    plain.validate(full=True)
    return plain
