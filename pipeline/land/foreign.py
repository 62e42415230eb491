"""The lanes that other members of the consumer group own: what they have landed, and whether more is to come."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from contract.batch import Part
from contract.errors import ChainError
from pipeline.land.batches import Batches
from pipeline.land.chain import Chain, Writer
from pipeline.land.start import ChainStart
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)


class LaneOffsets(Protocol):
    """Offsets of lanes, asked of the broker now; a lane is left out where it does not say."""

    def high_watermarks(self, lanes: Iterable[int]) -> Mapping[int, int]:
        """Return the offset after the last record of each lane."""
        ...

    def first_offsets_since(self, lanes: Iterable[int], timestamp_ms: int) -> Mapping[int, int]:
        """Return the offset of each lane's first record that is not older than ``timestamp_ms``, -1 for none."""
        ...


class ForeignLanes:
    """Landed parts of other members' lanes, as of the last look. Parts never change, so each is read once."""

    def __init__(
        self, store: ObjectStore, stream: str, *, writer: Writer, batches: Batches, start: ChainStart,
        topic: LaneOffsets,
    ) -> None:  # fmt: skip
        self._store = store
        self._stream = stream
        self._writer = writer
        self._batches = batches
        self._start = start
        self._topic = topic
        self._marks: Mapping[int, int] = {}
        self.unsealed: dict[int, list[Part]] = {}

    def look(self, lanes: Iterable[int]) -> None:
        """Read what the owners of ``lanes`` have landed since the last look; forget all other lanes."""
        self.unsealed = {lane: self._known(lane) for lane in lanes}
        for lane, parts in self.unsealed.items():
            parts.extend(self.landed_after(lane, parts))

    def forget_sealed(self) -> None:
        """Drop the parts that the newest batch holds."""
        self.unsealed = {lane: self._known(lane) for lane in self.unsealed}

    def landed_after(self, lane: int, known: Sequence[Part] = ()) -> list[Part]:
        """Return the lane's parts that are in no batch, behind those ``known``."""
        end = self._batches.ends().get(lane)
        sequence = known[-1].sequence + 1 if known else (end.next_sequence if end else 0)
        parts = Chain(self._store, self._stream, lane).parts_from(sequence)
        for part in parts:
            if part.topic_id != self._writer.topic_id:
                raise ChainError(
                    f"{part.key} was landed from topic id {part.topic_id}, not {self._writer.topic_id}, though the "
                    f"chain was begun on the latter; land the topic again under another stream name"
                )
        return parts

    def records_came(self) -> bool:
        """Whether any of the lanes grew since this was asked last; asks the broker."""
        before, self._marks = self._marks, self._topic.high_watermarks(self.unsealed)
        return any(mark != before.get(lane, mark) for lane, mark in self._marks.items())

    def past(self, window: int, end_ms: int | None) -> bool:
        """Whether every lane is past record-time window ``window``, which ends before ``end_ms`` (None: not known).

        Such a lane has landed beyond it, has nothing left to land, or goes on with a record of a later window.
        """
        left = [lane for lane, parts in self.unsealed.items() if not _cut_behind(parts, window)]
        if left and end_ms is not None:
            following = self._topic.first_offsets_since(left, end_ms)
            left = [lane for lane in left if following.get(lane) != self._chain_end(lane)]
        # The marks are asked after the look: a record that came in between makes one higher than its chain's end.
        marks = self._topic.high_watermarks(left)
        return all(lane in marks and self._chain_end(lane) >= marks[lane] for lane in left)

    def _chain_end(self, lane: int) -> int:
        if parts := self.unsealed.get(lane):
            return parts[-1].next_offset
        end = self._batches.ends().get(lane)
        return end.next_offset if end else self._start.offset(lane)

    def _known(self, lane: int) -> list[Part]:
        end = self._batches.ends().get(lane)
        first = end.next_sequence if end else 0
        return [part for part in self.unsealed.get(lane, ()) if part.sequence >= first]


def _cut_behind(parts: Sequence[Part], window: int) -> bool:
    """Whether the last part with a window tells that ``window`` is over; one cut by its window ended it."""
    last = next((part for part in reversed(parts) if part.window is not None), None)
    if last is None or last.window is None:
        return False
    return last.window > window or (last.window == window and last.cut == "window")
