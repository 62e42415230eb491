"""The texts in the decoded rows of a file of results: keys that can be compared, and all of them can be written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from contract.model_version import ROW_ID
from serving.stored_rows.footer import MOST_BYTES

_LONGEST_ID: Final = 64 * 1024
# A record of a topic is not much longer.
_LONGEST: Final = 4 * 2**20


def texts_of(metadata: Any) -> list[str]:
    """Return the names of the columns of texts, not of lists of them, by a file's metadata as Arrow reads it."""
    columns = (metadata.schema.column(j) for j in range(metadata.num_columns))
    return [column.name for column in columns if column.physical_type == "BYTE_ARRAY" and column.path == column.name]


def checked(table: pa.Table, keys: Sequence[str], texts: Sequence[str]) -> pa.Table:
    """Return a decoded row group whose ``texts`` come as dictionaries, with plain texts; its ``keys`` are all there.

    Raises
    ------
    ValueError: its keys cannot be compared, or texts are too large to be written out.
    """
    missing = [name for name in keys if table.column(name).null_count]
    if missing:
        raise ValueError(f"{missing[0]} is missing in a row")
    found = {name: table.column(name).combine_chunks() for name in texts}
    # A few bytes may stand for a million long texts.
    if sum(_size(column, _LONGEST_ID if name == ROW_ID else _LONGEST) for name, column in found.items()) > MOST_BYTES:
        raise ValueError(f"its row ids and other texts have more than {MOST_BYTES} bytes")
    for name, column in found.items():
        table = table.set_column(table.column_names.index(name), name, column.cast(pa.string()))
    plain = table.combine_chunks()
    # Texts that are not UTF-8 would be found by whoever reads them.
    plain.validate(full=True)
    return plain


def _size(column: Any, longest: int) -> int:
    if not pa.types.is_dictionary(column.type):
        raise ValueError("texts are not as they were asked for")
    lengths = pc.binary_length(column.dictionary)
    if (pc.max(lengths).as_py() or 0) > longest:
        raise ValueError(f"a row id or another text has more than {longest} bytes")
    return pc.sum(lengths.take(column.indices)).as_py() or 0
