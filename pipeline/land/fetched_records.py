"""Records of one lane as the consumer's thread hands them to the lander's."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from pipeline.land.formats.format import Chunk, ParsedValues
from pipeline.land.origins import NO_ORIGINS, Longs, Origins


@dataclass(frozen=True)
class FetchedRecords:
    """Records of one lane as Kafka handed them over; ``offsets`` has one entry a record, as ``chunk`` has.

    ``parsed`` is what becomes of ``chunk``: other threads parse ahead while earlier records are landed.

    ``epoch`` counts the lane's (re)assignments and seeks: what was fetched before the last one is void.
    ``position`` is the offset behind everything that was handed over in this epoch before: what lies between it
    and the first record holds no record.
    """

    lane: int
    epoch: int
    position: int
    chunk: Chunk
    offsets: Longs
    parsed: Future[ParsedValues]
    origins: Origins = NO_ORIGINS
