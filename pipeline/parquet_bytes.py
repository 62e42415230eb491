"""Reads Parquet objects that are here as bytes, in the thread of whoever asks.

Threads of Arrow's own that hold a Python object while the interpreter ends abort the process, when all its work is
done (apache/arrow#34314).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq


def parquet_file(body: bytes) -> pq.ParquetFile:
    """Return the file in ``body``; read it with `use_threads=False`.

    Raises
    ------
    pa.ArrowInvalid: it is none.
    """
    return pq.ParquetFile(pa.BufferReader(body))


def read_table(body: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of ``body``, of ``columns`` only where they are given.

    Raises
    ------
    pa.ArrowInvalid: it is no Parquet file.
    """
    return parquet_file(body).read(columns=columns, use_threads=False)
