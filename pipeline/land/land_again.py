"""Lands again what was rejected and parses now, by the stream file as it is today."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from contract.batch import KEY, OFFSET, TIMESTAMP, LandedAgain
from contract.stream import Stream
from pipeline.columns import part_schema
from pipeline.land.again_chain import AgainChain, OvertakenError
from pipeline.land.chain import Writer
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.formats.format import NONE, Chunk, ParsedValues, RecordFormat
from pipeline.land.open_part import PART_BYTES, PART_ROWS, OpenPart
from pipeline.land.origins import Longs
from pipeline.land.parsed_records import ParsedRecords, parsed_records
from pipeline.land.reject_reasons import RejectReasons
from pipeline.land.rejected_records import RejectedPart, headers_in, read_rejects, rejected_stream
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 10_000


@dataclass
class LandAgainOutcome:
    """What was landed again, and why the rest is still rejected."""

    landed: list[LandedAgain]
    reasons: RejectReasons
    rejected: int = 0
    skipped: int = 0
    """Of the rejected, those that the stream file skips by now: they landed as rejects, and are counted as such."""

    @property
    def rows(self) -> int:
        """Rows that were landed again."""
        return sum(again.rows for again in self.landed)


@dataclass
class _Piece:
    """Rows of one lane that become one object, and their offsets."""

    rows: OpenPart
    offsets: list[Longs]

    def add(self, records: ParsedRecords) -> None:
        """Append rows; what lies between them stays where it is."""
        joined = dataclasses.replace(
            records, rejects=(), gaps=(), strangers=(), skipped=NONE, deletes=NONE, first_offset=self.rows.next_offset
        )
        self.rows.add(joined)
        self.offsets.append(records.offsets)


class LandingAgain:
    """One run over a stream's rejects. Safe beside any number of others, and beside landing.

    ``on_records`` is told how many more records were looked at.
    """

    def __init__(
        self,
        store: ObjectStore,
        stream: Stream,
        record_format: RecordFormat,
        writer: Writer,
        on_records: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store, self._stream, self._writer, self._on_records = store, stream, writer, on_records
        self._chain = AgainChain(store, stream.name)
        self._format = record_format
        self._schema = part_schema(stream)
        self._most_rows = min(PART_ROWS, stream.cut.rows or PART_ROWS)
        self._most_bytes = stream.cut.bytes or math.inf

    def run(self) -> LandAgainOutcome:
        """Land again all that parses.

        Raises
        ------
        ChainError: objects are missing or altered.
        """
        rejected = rejected_stream(self._store, self._stream.name)
        self._known = list(rejected.landed_again)
        landed: list[LandedAgain] = []
        while True:
            outcome = LandAgainOutcome(landed, RejectReasons())
            try:
                for lane in sorted({named.lane for named in rejected.parts}):
                    mine = [named for named in rejected.parts if named.lane == lane]
                    for piece in self._pieces(lane, mine, outcome):
                        self._commit(piece, landed)
            except OvertakenError as error:
                logger.info("rejects were landed again by somebody else, looking again; key=%s", error)
                self._known += self._chain.objects_from(len(self._known))
            else:
                return outcome

    def _commit(self, piece: _Piece, landed: list[LandedAgain]) -> None:
        again = self._chain.commit(piece.rows, len(self._known), np.concatenate(piece.offsets), self._writer)
        self._known.append(again)
        landed.append(again)
        logger.info("rejects landed again; key=%s lane=%d rows=%d", again.key, again.lane, again.rows)

    def _pieces(self, lane: int, parts: list[RejectedPart], outcome: LandAgainOutcome) -> Iterator[_Piece]:
        """Yield the lane's rows, at most a batch's in one piece."""
        piece = self._piece(lane)
        for records in self._chunks(lane, parts, outcome):
            left: ParsedRecords | None = records
            while left is not None and left.rows.num_rows:
                room = self._room(piece, left)
                if left.rows.num_rows > room:
                    here, left = left.split(int(left.offsets[room]))
                else:
                    here, left = left, None
                piece.add(here)
                if self._is_full(piece):
                    yield piece
                    piece = self._piece(lane)
        if piece.rows.rows:
            yield piece

    def _room(self, piece: _Piece, left: ParsedRecords) -> int:
        """Return how many rows of ``left`` the piece still takes: as in a batch, the row that fills it is its last."""
        filled = int(np.searchsorted(piece.rows.value_bytes + np.cumsum(left.value_bytes), self._most_bytes)) + 1
        return min(self._most_rows - piece.rows.rows, filled)

    def _is_full(self, piece: _Piece) -> bool:
        rows = piece.rows
        return rows.rows >= self._most_rows or rows.value_bytes >= self._most_bytes or rows.encoded_bytes >= PART_BYTES

    def _piece(self, lane: int) -> _Piece:
        return _Piece(OpenPart(lane, 0, 0, self._schema), [])

    def _chunks(self, lane: int, parts: list[RejectedPart], outcome: LandAgainOutcome) -> Iterator[ParsedRecords]:
        """Yield the records that are still rejected, parsed, a chunk at a time."""
        for named in parts:
            table = read_rejects(self._store, self._chain, self._known, named)
            for first in range(0, table.num_rows, CHUNK_RECORDS):
                looked_at = table.slice(first, CHUNK_RECORDS)
                records = self._parse(lane, looked_at)
                outcome.reasons.count(lane, records.rejects)
                outcome.rejected += len(records.rejects) + len(records.skipped)
                outcome.skipped += len(records.skipped)
                self._on_records(looked_at.num_rows)
                yield records

    def _parse(self, lane: int, rejects: pa.Table) -> ParsedRecords:
        chunk = Chunk(
            values=rejects["value"].to_pylist(),
            keys=rejects[KEY].to_pylist(),
            headers=headers_in(rejects),
            timestamps_ms=rejects[TIMESTAMP].cast(pa.int64()).to_numpy(),
        )
        offsets = rejects[OFFSET].to_numpy()
        parsed: Future[ParsedValues] = Future()
        parsed.set_result(self._format.parse(chunk))
        fetched = FetchedRecords(lane, epoch=0, position=int(offsets[0]), chunk=chunk, offsets=offsets, parsed=parsed)
        records = parsed_records(fetched, int(offsets[0]))
        return records if self._stream.rejects.no_column == "warn" else _without_strangers(records)


def _without_strangers(records: ParsedRecords) -> ParsedRecords:
    """Return ``records`` with those that have no column as rejects: landing would stop at them."""
    if not records.strangers:
        return records
    kept = ~np.isin(records.offsets, [stranger.offset for stranger in records.strangers])
    return dataclasses.replace(
        records,
        rows=records.rows.filter(pa.array(kept)),
        offsets=records.offsets[kept],
        timestamps_ms=records.timestamps_ms[kept],
        value_bytes=records.value_bytes[kept],
        rejects=(*records.rejects, *records.strangers),
        strangers=(),
    )
