"""When the landed parts of all lanes, one's own and other members', are sealed as a batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Container, Iterable, Sequence

from contract.batch import CutReason, Manifest, Part
from contract.stream import Cut
from pipeline.land.batches import Batches, rows_of, time_cut
from pipeline.land.foreign_lanes import ForeignLanes
from pipeline.land.unsealed_parts import UnsealedParts

logger = logging.getLogger(__name__)

# How often other members' lanes are looked at while nothing of one's own lands.
LOOK_S = 0.5
# After a cut by time the others land what they have open too; without this pause each would seal a batch of its own.
GRACE_S = 2.0


class Sealing:
    """Seals batches over all lanes; asks this member to land what it has open when another one cut by time."""

    def __init__(self, cut: Cut, batches: Batches, unsealed: UnsealedParts, foreign: ForeignLanes) -> None:
        self._cut = cut
        self._batches = batches
        self._unsealed = unsealed
        self._foreign = foreign
        self._looked = 0.0
        self._look_s = min(LOOK_S, cut.idle / 2 if cut.idle is not None else LOOK_S)
        self._ending_since: float | None = None
        self._ending: CutReason | None = None
        self._ended: Manifest | None = None
        self.records_came_at = 0.0
        """Monotonic seconds at which another member's lane was last seen to grow."""

    @property
    def ending(self) -> bool:
        """Whether a batch has been cut by time and waits for the other members' parts."""
        return self._ending is not None

    def end_by(self, reason: CutReason) -> None:
        """Let the batch end: this member's clock says so, and it has landed all it had open."""
        if self._ending is None:
            self._ending, self._ending_since = reason, time.monotonic()

    def seal(
        self,
        own: Container[int],
        lanes: Collection[int],
        window_over: Callable[[int], bool],
        window_end_ms: Callable[[int], int | None],
        land_open: Callable[[CutReason], object],
        *,
        landed_now: bool,
    ) -> Manifest | None:
        """Seal the next batch if the landed parts of all ``lanes`` make one; return it, whoever sealed it."""
        others = [lane for lane in lanes if lane not in own]
        if others and not self._look(others, landed_now=landed_now):
            return None
        if not others:
            self._foreign.look(())
        self._note_newest()
        self._batches.look_for_again()
        reason = time_cut(self._landed(lanes))
        if reason is not None and self._ending is None:
            self.end_by(reason)
            if others:
                # Another writer may have been faster, and what it sealed was read: then this batch is over.
                land_open(reason)
                self._note_newest()
        landed = self._landed(lanes)
        manifest = self._batches.seal_due(
            self._cut,
            landed,
            lambda window: window_over(window) and self._foreign.past(window, window_end_ms(window)),
            self._ending if not others or self._grace_is_over() else None,
        )
        if manifest is None:
            if rows_of(landed) == 0 and not self._batches.again:
                self._ending = self._ending_since = None
            return None
        self._note_newest()
        return manifest

    def _look(self, others: Sequence[int], *, landed_now: bool) -> bool:
        now = time.monotonic()
        due = now - self._looked >= self._look_s
        if not due and not landed_now:
            return False
        self._batches.refresh()
        self._foreign.look(others)
        if due:
            self._looked = now
            if self._foreign.records_came():
                self.records_came_at = time.monotonic()
        return True

    def _note_newest(self) -> None:
        # The newest batch may have been read anywhere: when a lane was taken, or when another member was faster.
        if self._batches.newest is not self._ended:
            self._ended = self._batches.newest
            self._ending = self._ending_since = None

    def _landed(self, lanes: Iterable[int]) -> dict[int, Sequence[Part]]:
        return {lane: self._unsealed.of(lane) for lane in lanes}

    def _grace_is_over(self) -> bool:
        return self._ending_since is not None and time.monotonic() - self._ending_since >= GRACE_S
