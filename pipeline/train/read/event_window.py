"""When the rows of a batch happened, where the stream says which column tells: as the footers of its parts have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pyarrow.parquet as pq

from contract.batch import Manifest
from contract.stream import Stream
from pipeline.footer import read_footer
from pipeline.object_store import ObjectStore

_THREADS: Final = 8
_US_PER_MS: Final = 1_000


def event_window_ms(store: ObjectStore, stream: Stream, manifests: Sequence[Manifest]) -> tuple[int, int] | None:
    """Return the earliest and the latest event time of the rows, in ms since the epoch, UTC.

    None: the stream names no event-time column, no row has a value in it, or a part does not tell.
    """
    name = stream.event_time
    if name is None:
        return None
    keys = [held.key for manifest in manifests for held in manifest.objects if held.rows]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = [
            span for footer in pool.map(lambda key: read_footer(store, key), keys) for span in _spans(footer, name)
        ]
    known = [span for span in found if span is not None]
    if not known or len(known) < len(found):
        return None
    return min(low for low, _ in known) // _US_PER_MS, max(high for _, high in known) // _US_PER_MS


def _spans(footer: pq.FileMetaData, name: str) -> Iterator[tuple[int, int] | None]:
    """Yield the first and the last time of each row group that has any, in µs; None where it is not told."""
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema != name:
                continue
            told = column.statistics
            if told is not None and told.has_min_max:
                # As they are stored: not every one is a time of Python's calendar.
                yield int(told.min_raw), int(told.max_raw)
            elif told is None or told.null_count != group.num_rows:
                yield None
