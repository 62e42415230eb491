"""Records of one lane as the consumer's thread hands them to the lander's."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from pipeline.land.formats.format import ParsedValues
from pipeline.land.origins import NO_ORIGINS, Longs, Origins


@dataclass(frozen=True)
class FetchedRecords:
    """Records of one lane as Kafka handed them over; all four sequences have one entry a record.

    ``parsed`` is what becomes of ``values``: other threads parse ahead while earlier records are landed.

    ``epoch`` counts the lane's (re)assignments and seeks: what was fetched before the last one is void.
    ``position`` is the offset behind everything that was handed over in this epoch before: what lies between it
    and the first record holds no record.
    """

    lane: int
    epoch: int
    position: int
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    offsets: Longs
    timestamps_ms: Longs
    parsed: Future[ParsedValues]
    origins: Origins = NO_ORIGINS
