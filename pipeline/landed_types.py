"""The types that a stream's columns have in its parts, and which of them the stream file may still say."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from contract.errors import StreamFileError
from contract.stream import Stream
from pipeline.columns import column_type_of
from pipeline.footer import read_footer
from pipeline.object_store import ObjectStore
from pipeline.stream_file import line_of_column

# What Spark reads from a column of another type; `tests/integration/train/test_types.py` asks it.
WIDENED: frozenset[tuple[str, str]] = frozenset({("int32", "int64"), ("int32", "float64"), ("float32", "float64")})
_THREADS = 8


def refuse_changed_types(
    store: ObjectStore, stream: Stream, stream_path: str, keys: Iterable[str], names: Collection[str]
) -> None:
    """Stop where a column of ``names`` was landed, in a part of ``keys``, with a type that its own cannot read.

    Raises
    ------
    StreamFileError: the line of the column, both types, and the part.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        for key, schema in pool.map(lambda key: (key, read_footer(store, key).schema.to_arrow_schema()), keys):
            for name in names:
                if name in schema.names:
                    _check(stream, stream_path, name, column_type_of(schema.field(name).type), key)


def _check(stream: Stream, stream_path: str, name: str, landed: str | None, key: str) -> None:
    declared = stream.columns[name].type
    if landed == declared or (landed is not None and (landed, declared) in WIDENED):
        return
    wider = ", ".join(f"{old} to {new}" for old, new in sorted(WIDENED))
    raise StreamFileError(
        stream_path, line_of_column(stream_path, name), f"columns.{name}.type: {declared}, but {key} was landed with "
        f"{landed or 'another type'}, which cannot be read so any more; a column may become wider ({wider}). Write "
        f"{landed or 'its old type'} again, or give the stream another `name`",
    )  # fmt: skip
