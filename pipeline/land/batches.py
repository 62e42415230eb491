"""The batches of a stream: its manifests in the object store, and what was landed again and waits for the next."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from contract.batch import (
    LandedAgain,
    Lane,
    Manifest,
    manifest_from_json,
    manifest_key,
    manifest_prefix,
    manifest_to_json,
    seal,
)
from contract.errors import ChainError
from pipeline.fault import fault_point
from pipeline.land.again_chain import AgainChain
from pipeline.land.chain import Writer
from pipeline.land.complete_batch import CompleteBatch, LandedParts
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)

# Rejects are landed again by people: seldom.
_LOOK_AGAIN_S = 2.0


class Batches:
    """The manifests of one stream. Only the newest is kept in memory: it says where the next batch begins."""

    def __init__(self, store: ObjectStore, stream: str, topic: str, writer: Writer) -> None:
        self._store = store
        self._stream = stream
        self._topic = topic
        self._writer = writer
        self._again_chain = AgainChain(store, stream)
        self._again: list[LandedAgain] = []
        self._again_looked: float | None = None
        self._again_since = 0.0
        self.newest: Manifest | None = None
        self._first_window: tuple[int, int | None] = (0, None)
        """The number of a batch, and what :attr:`first_window` is behind it."""

    def refresh(self) -> None:
        """Read the manifests that came since the last look."""
        after = manifest_key(self._stream, self.newest.batch) if self.newest else ""
        expected = self.newest.batch + 1 if self.newest else 1
        for found in self._store.list_objects(manifest_prefix(self._stream), after=after):
            if found.key != manifest_key(self._stream, expected):
                raise ChainError(f"{manifest_key(self._stream, expected)} is missing though {found.key} exists")
            expected += 1
        if expected > 1 and (self.newest is None or self.newest.batch < expected - 1):
            self.newest = self.read(expected - 1)

    def read(self, batch: int) -> Manifest:
        """Return manifest ``batch``."""
        key = manifest_key(self._stream, batch)
        found = self._store.get(key)
        if found is None:
            raise ChainError(f"{key} does not exist; batch {batch} is not sealed")
        return manifest_from_json(found[0], key)

    def ends(self) -> dict[int, Lane]:
        """Return the lanes as the newest batch left them."""
        return {lane.lane: lane for lane in self.newest.lanes} if self.newest else {}

    @property
    def again(self) -> Sequence[LandedAgain]:
        """What was landed again of the rejects and is in no batch yet, as of the last look."""
        first = self.newest.next_again if self.newest else 0
        return [again for again in self._again if again.sequence >= first]

    @property
    def again_since(self) -> float | None:
        """Monotonic seconds at which the first of these was seen to wait; None where none does."""
        return self._again_since if self.again else None

    def look_for_again(self) -> None:
        """Look for rejects that were landed again, every ``_LOOK_AGAIN_S`` seconds."""
        now = time.monotonic()
        if self._again_looked is None or now - self._again_looked >= _LOOK_AGAIN_S:
            self._again_looked = now
            self._again = list(self.again)
            if not self._again:
                self._again_since = now
            behind = self._again[-1].sequence + 1 if self._again else self.newest.next_again if self.newest else 0
            self._again += self._again_chain.objects_from(behind)

    @property
    def first_window(self) -> int | None:
        """The earliest record-time window that the next batch can be of: a window that is over stays so. None: any."""
        if self.newest is not None and self.newest.batch != self._first_window[0]:
            self._first_window = (self.newest.batch, self._find_first_window(self.newest))
        return self._first_window[1]

    def _find_first_window(self, manifest: Manifest) -> int | None:
        """Go back to the last batch that was of a window: those by age, or of a time without windows, are of none."""
        known, first = self._first_window
        while manifest.window is None:
            if manifest.batch - 1 <= known:
                return first
            manifest = self.read(manifest.batch - 1)
        return manifest.window + (manifest.cut == "window")

    def seal(self, complete: CompleteBatch) -> Manifest:
        """Seal ``complete`` as the next batch; return the one that is sealed now, by whomever."""
        again = complete.again
        manifest = seal(
            stream=self._stream,
            batch=self.newest.batch + 1 if self.newest else 1,
            topic=self._topic,
            topic_id=self._writer.topic_id,
            cut=complete.cut,
            window=complete.window,
            sealed_at_ms=int(time.time() * 1000),
            writer=self._writer.name,
            lanes=self._lanes(complete.parts),
            again=again,
            next_again=again[-1].sequence + 1 if again else self.newest.next_again if self.newest else 0,
        )
        fault_point("before-manifest")
        key = manifest_key(self._stream, manifest.batch)
        if self._store.put_if_absent(key, manifest_to_json(manifest)) is None:
            self.newest = self.read(manifest.batch)
            logger.info("manifest sealed by another writer; batch=%d", manifest.batch)
        else:
            self.newest = manifest
            logger.info("batch sealed; batch=%d rows=%d cut=%s", manifest.batch, manifest.rows, complete.cut)
        fault_point("after-manifest")
        return self.newest

    def _lanes(self, chosen: LandedParts) -> list[Lane]:
        before = self.ends()
        lanes = []
        for lane in sorted({*before, *chosen}):
            parts = tuple(chosen.get(lane, ()))
            start = before.get(lane)
            first = start.next_offset if start else parts[0].first_offset
            if parts and parts[0].first_offset != first:
                raise AssertionError(f"{parts[0].key} does not begin where the batch before ends, at {first}")
            last_sequence = parts[-1].sequence + 1 if parts else (start.next_sequence if start else 0)
            lanes.append(Lane(lane, first, parts[-1].next_offset if parts else first, last_sequence, parts))
        return lanes
