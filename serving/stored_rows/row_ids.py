"""The decoded rows of a file of results: keys that can be compared, ids that can be written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from serving.stored_rows.footer import MOST_BYTES

_LONGEST_ID: Final = 64 * 1024


def checked(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return a decoded row group with plain ids: the first of ``keys``, which are all there, comes as a dictionary.

    Raises
    ------
    ValueError: its keys cannot be compared, or are too large to be written out.
    """
    missing = [name for name in keys if table.column(name).null_count]
    if missing:
        raise ValueError(f"{missing[0]} is missing in a row")
    lengths = pc.binary_length(table.column(keys[0]).combine_chunks().dictionary)
    if (pc.max(lengths).as_py() or 0) > _LONGEST_ID:
        raise ValueError(f"a row id has more than {_LONGEST_ID} bytes")
    ids = table.column(keys[0]).combine_chunks()
    if (pc.sum(lengths.take(ids.indices)).as_py() or 0) > MOST_BYTES:
        raise ValueError(f"its row ids have more than {MOST_BYTES} bytes")
    plain = table.set_column(table.column_names.index(keys[0]), keys[0], ids.cast(pa.string())).combine_chunks()
    # Texts that are not UTF-8 would be found by whoever reads them.
    plain.validate(full=True)
    return plain
