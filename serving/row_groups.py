"""What a Parquet file of results may hold: known columns, row groups of a bounded size, ids that can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from contract.batch import OFFSET, PARTITION
from contract.model_version import CLUSTER, DISTANCE, ROW_ID, ResultsFile

_TYPES: Final[Mapping[str, pa.DataType]] = {
    ROW_ID: pa.string(),
    PARTITION: pa.int32(),
    OFFSET: pa.int64(),
    CLUSTER: pa.int32(),
    DISTANCE: pa.float64(),
}
_KEYS: Final = (ROW_ID, PARTITION, OFFSET, CLUSTER)
# A few bytes may stand for a million equal cells, so cells are bounded beside bytes; training writes 20,000 rows.
_MOST_CELLS: Final = 32 * 2**20
_MOST_BYTES: Final = 256 * 2**20
_LONGEST_ID: Final = 64 * 1024


def check(metadata: Any, file: ResultsFile) -> None:
    """Check a file's footer.

    Raises
    ------
    ValueError: says what is wrong.
    """
    columns = metadata.schema.to_arrow_schema()
    for name, kind in _TYPES.items():
        if name not in columns.names or columns.field(name).type != kind:
            raise ValueError(f"it has no column {name} of type {kind}")
    if len(set(columns.names)) < len(columns.names) or metadata.num_columns != len(columns.names):
        raise ValueError("a column stands twice or is nested")
    if any(field.type != pa.float64() for field in columns if field.name not in _TYPES):
        raise ValueError("a feature is not of type double")
    if metadata.num_rows != file.rows:
        raise ValueError(f"it has {metadata.num_rows} rows, its manifest says {file.rows}")
    for number in range(metadata.num_row_groups):
        _check_group(metadata.row_group(number), file)


def _check_group(group: Any, file: ResultsFile) -> None:
    first, after = span(group)
    if not 0 <= first < after <= file.bytes:
        raise ValueError(f"a row group is at bytes {first} to {after} of {file.bytes}")
    if not 0 <= group.num_rows * group.num_columns <= _MOST_CELLS or group.total_byte_size > _MOST_BYTES:
        raise ValueError(f"a row group has {group.num_rows} rows and {group.total_byte_size} bytes")
    if after - first > _MOST_BYTES:
        raise ValueError(f"a row group takes {after - first} bytes")


def span(group: Any) -> tuple[int, int]:
    """Return the bytes of a row group: all its column chunks follow each other."""
    chunks = [group.column(i) for i in range(group.num_columns)]
    begins = [
        chunk.data_page_offset
        if chunk.dictionary_page_offset is None
        else min(chunk.dictionary_page_offset, chunk.data_page_offset)
        for chunk in chunks
    ]
    ends = [begin + chunk.total_compressed_size for begin, chunk in zip(begins, chunks, strict=True)]
    return min(begins), max(ends)


def checked(table: pa.Table) -> pa.Table:
    """Return a decoded row group whose ids come as a dictionary, with plain ids.

    Raises
    ------
    ValueError: its keys cannot be compared, or are too large to be written out.
    """
    missing = [name for name in _KEYS if table.column(name).null_count]
    if missing:
        raise ValueError(f"{missing[0]} is missing in a row")
    lengths = pc.binary_length(table.column(ROW_ID).combine_chunks().dictionary)
    if (pc.max(lengths).as_py() or 0) > _LONGEST_ID:
        raise ValueError(f"a row id has more than {_LONGEST_ID} bytes")
    ids = table.column(ROW_ID).combine_chunks()
    if (pc.sum(lengths.take(ids.indices)).as_py() or 0) > _MOST_BYTES:
        raise ValueError(f"its row ids have more than {_MOST_BYTES} bytes")
    plain = table.set_column(table.column_names.index(ROW_ID), ROW_ID, ids.cast(pa.string())).combine_chunks()
    # Texts that are not UTF-8 would be found by whoever reads them.
    plain.validate(full=True)
    return plain
