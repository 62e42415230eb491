"""The footer of a Parquet object: its columns and what is written beside them, without its rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import ChainError
from pipeline.object_store import ObjectStore

_TAIL_BYTES = 65_536


def read_footer(store: ObjectStore, key: str) -> pq.FileMetaData:
    """Return the footer of a part; its last bytes are all that is fetched.

    Raises
    ------
    ChainError: not a Parquet object, or none at all.
    """
    tail = store.get_tail(key, _TAIL_BYTES)
    footer_bytes = int.from_bytes(tail[-8:-4], "little") + 8
    if footer_bytes > len(tail):
        tail = store.get_tail(key, footer_bytes)
    try:
        return pq.read_metadata(pa.BufferReader(tail))
    except (pa.ArrowException, OSError) as error:
        raise ChainError(f"{key} is not a part that Swathe landed: {error}") from error
