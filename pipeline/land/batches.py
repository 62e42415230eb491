"""Batches: manifests in the object store, and when the landed parts of all lanes together make the next one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from contract.batch import (
    CutReason,
    LandedAgain,
    Lane,
    Manifest,
    Part,
    manifest_from_json,
    manifest_key,
    manifest_prefix,
    manifest_to_json,
    seal,
)
from contract.errors import ChainError
from contract.stream import Cut
from pipeline.fault import fault_point
from pipeline.land.again_chain import AgainChain
from pipeline.land.chain import Writer
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)

# A part cut by one of these ends a batch by itself: time has passed, whatever the rows add up to.
_TIMED: tuple[CutReason, ...] = ("max_age", "idle")

# Rejects are landed again by people: seldom.
_LOOK_AGAIN_S = 2.0

LandedParts = Mapping[int, Sequence[Part]]
"""Per lane, its parts that are in no batch yet, in order."""


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

    def seal_due(
        self, cut: Cut, landed: LandedParts, window_over: Callable[[int], bool], time_up: CutReason | None
    ) -> Manifest | None:
        """Seal the next batch if ``landed`` holds one; return it, whoever sealed it.

        ``window_over(j)`` says whether every lane is past record-time window ``j``; ``time_up`` ends the batch
        whatever the rows add up to.
        """
        first_window = None if cut.window is None else self.first_window
        due = _due(cut, landed, window_over, time_up, first_window, again=self.again)
        if due is None:
            return None
        reason, window, chosen, again = due
        manifest = seal(
            stream=self._stream,
            batch=self.newest.batch + 1 if self.newest else 1,
            topic=self._topic,
            topic_id=self._writer.topic_id,
            cut=reason,
            window=window,
            sealed_at_ms=int(time.time() * 1000),
            writer=self._writer.name,
            lanes=self._lanes(chosen),
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
            logger.info("batch sealed; batch=%d rows=%d cut=%s", manifest.batch, manifest.rows, reason)
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


def time_cut(landed: LandedParts) -> CutReason | None:
    """Return why time ended the batch, if one of its parts was cut by time."""
    return next((part.cut for parts in landed.values() for part in parts if part.rows and part.cut in _TIMED), None)


def rows_of(landed: LandedParts) -> int:
    """Return the rows of all parts that are in no batch yet."""
    return sum(part.rows for parts in landed.values() for part in parts)


def _due(
    cut: Cut,
    landed: LandedParts,
    window_over: Callable[[int], bool],
    time_up: CutReason | None,
    first_window: int | None = None,
    *,
    again: Sequence[LandedAgain] = (),
) -> tuple[CutReason, int | None, LandedParts, Sequence[LandedAgain]] | None:
    """Return why, for which window, from which parts and rejects landed again the next batch is to be made, or None."""
    landed = {lane: parts for lane, parts in landed.items() if parts}
    if rows_of(landed) == 0 and not again:
        return None
    windows = [part.window for parts in landed.values() for part in parts if part.window is not None]
    if cut.window is not None and windows:
        # A part that came too late for its own window's batch goes with the next.
        first = min(windows) if first_window is None else max(min(windows), first_window)
        within = {lane: held for lane, parts in landed.items() if (held := _through(parts, first))}
        if (amount := _amounts(cut, within, again)) is not None:
            return amount, first, *_enough(cut, within, again)
        if window_over(first):
            return "window", first, within, again
    elif (amount := _amounts(cut, landed, again)) is not None:
        return amount, None, *_enough(cut, landed, again)
    return (time_up, None, landed, again) if time_up else None


def _amounts(cut: Cut, landed: LandedParts, again: Sequence[LandedAgain]) -> CutReason | None:
    holding_rows: list[Part | LandedAgain] = [*(part for parts in landed.values() for part in parts), *again]
    if cut.rows is not None and sum(part.rows for part in holding_rows) >= cut.rows:
        return "rows"
    if cut.bytes is not None and sum(part.value_bytes for part in holding_rows) >= cut.bytes:
        return "bytes"
    return None


def _through(parts: Sequence[Part], window: int) -> tuple[Part, ...]:
    """Return the parts up to the last of ``window``; one that holds rejects only belongs to what precedes it."""
    last = max((i for i, part in enumerate(parts) if part.window is not None and part.window <= window), default=-1)
    return tuple(parts[: last + 1])


def _enough(cut: Cut, landed: LandedParts, again: Sequence[LandedAgain]) -> tuple[LandedParts, Sequence[LandedAgain]]:
    """Return the shortest run that holds the rows or bytes of a batch: what was landed again, then the oldest parts."""
    rows = size = 0
    for count, rejects in enumerate(again, start=1):
        rows += rejects.rows
        size += rejects.value_bytes
        if _is_enough(cut, rows, size):
            return {}, again[:count]
    queues = {lane: list(parts) for lane, parts in landed.items() if parts}
    chosen: dict[int, list[Part]] = {}
    while queues:
        lane = min(queues, key=lambda lane: (queues[lane][0].min_timestamp_ms or 0, lane))
        part = queues[lane].pop(0)
        if not queues[lane]:
            del queues[lane]
        chosen.setdefault(lane, []).append(part)
        rows += part.rows
        size += part.value_bytes
        if _is_enough(cut, rows, size):
            break
    return chosen, again


def _is_enough(cut: Cut, rows: int, size: int) -> bool:
    return (cut.rows is not None and rows >= cut.rows) or (cut.bytes is not None and size >= cut.bytes)
