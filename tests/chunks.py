"""Records as Kafka hands them over, for tests that need no topic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.land.formats.format import Chunk
from pipeline.land.origins import Longs
from pipeline.record_headers import Headers


def chunk(
    values: Sequence[bytes | None],
    *,
    keys: Sequence[bytes | None] | None = None,
    headers: Sequence[Headers] | None = None,
    times_ms: Longs | None = None,
) -> Chunk:
    """Return records of ``values``; what is not given of them is absent, and their time the first millisecond."""
    count = len(values)
    none = np.zeros(count, dtype=np.int64)
    return Chunk(values, keys or [None] * count, headers or [()] * count, none if times_ms is None else times_ms)
