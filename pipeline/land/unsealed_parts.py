"""The landed parts that are in no batch yet: a function of the newest manifest and of the chains, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contract.batch import Part
from contract.errors import ChainError
from pipeline.land.batches import Batches
from pipeline.land.chain import Chain, Writer
from pipeline.land.chain_start import ChainStart
from pipeline.object_store import ObjectStore


class UnsealedParts:
    """Parts of all lanes, whoever owns them, as of the last look at each; parts never change, so each is read once.

    Which of them a batch holds is asked of the newest manifest each time: it may have been read anywhere.
    """

    def __init__(self, store: ObjectStore, stream: str, *, writer: Writer, batches: Batches, start: ChainStart) -> None:
        self._store = store
        self._stream = stream
        self._writer = writer
        self._batches = batches
        self._start = start
        self._known: dict[int, list[Part]] = {}

    def of(self, lane: int) -> list[Part]:
        """Return the lane's parts that the newest batch and those before do not hold."""
        first = self._first_sequence(lane)
        parts = self._known[lane] = [part for part in self._known.get(lane, ()) if part.sequence >= first]
        return parts

    def all(self) -> Iterator[Part]:
        """Yield the parts of all lanes that were looked at."""
        return (part for lane in list(self._known) for part in self.of(lane))

    def read(self, lane: int) -> list[Part]:
        """Read what has landed in the lane since the last look; return all its parts that are in no batch."""
        known = self.of(lane)
        sequence = known[-1].sequence + 1 if known else self._first_sequence(lane)
        for part in Chain(self._store, self._stream, lane).parts_from(sequence):
            if part.topic_id != self._writer.topic_id:
                raise ChainError(
                    f"{part.key} was landed from topic id {part.topic_id}, not {self._writer.topic_id}, though the "
                    f"chain was begun on the latter; land the topic again under another stream name"
                )
            known.append(part)
        return known

    def add(self, lane: int, part: Part) -> None:
        """Take note of a part that this process has landed."""
        self.of(lane).append(part)

    def look(self, lanes: Iterable[int]) -> None:
        """Read what has landed in ``lanes``."""
        for lane in lanes:
            self.read(lane)

    def end(self, lane: int) -> tuple[int, int]:
        """Return the sequence and the offset with which the lane's chain goes on, as of the last look."""
        if parts := self.of(lane):
            return parts[-1].sequence + 1, parts[-1].next_offset
        end = self._batches.ends().get(lane)
        return (end.next_sequence, end.next_offset) if end else (0, self._start.offset(lane))

    def _first_sequence(self, lane: int) -> int:
        end = self._batches.ends().get(lane)
        return end.next_sequence if end else 0
