"""Says when a batch is complete, and seals it: from what has landed in all lanes, and from the clock."""

from __future__ import annotations

import time

from contract.batch import CutReason, Manifest
from contract.stream_sections import Cut
from pipeline.land.all_lanes import AllLanes
from pipeline.land.batches import Batches
from pipeline.land.complete_batch import CompleteBatch, complete_batch, rows_of, time_cut

# How often other members' lanes are looked at while nothing of one's own lands.
LOOK_S = 0.5
# After a cut by time the others land what they have open too; without this pause each would seal a batch of its own.
GRACE_S = 2.0


class Sealing:
    """The one place where a batch is found complete. It lands nothing: what it needs landed, its caller is told.

    A round is :meth:`look`, :meth:`cut_elsewhere`, :meth:`seal`.
    """

    def __init__(self, cut: Cut, batches: Batches, lanes: AllLanes) -> None:
        self._cut = cut
        self._batches = batches
        self._lanes = lanes
        self._looked = 0.0
        self._look_s = min(LOOK_S, cut.idle / 2 if cut.idle is not None else LOOK_S)
        self._last_record: float | None = None
        """None until the group has said which lanes are ours."""
        self._grown_elsewhere = 0.0
        """Monotonic seconds at which another member's lane was last seen to grow."""
        self._ending_since: float | None = None
        self._ending: CutReason | None = None
        self._ended: Manifest | None = None

    # ------------------------------------------------------------------ by the clock

    def note_record(self) -> None:
        """Take note that a record came just now, or that waiting for one begins."""
        self._last_record = time.monotonic()

    def idle_for(self) -> float:
        """Return the seconds since the last record of any lane; 0 while one's own have records left, or at first."""
        if self._last_record is None or not self._lanes.own.at_end:
            return 0.0
        return time.monotonic() - max(self._last_record, self._grown_elsewhere)

    def time_up(self) -> CutReason | None:
        """Return why this member's clock ends the batch now; it lands all it has open, then calls :meth:`end_by`."""
        since = [at for at in (self._lanes.own.first_since(), self._batches.again_since) if at is not None]
        if not since or self.ending:
            return None
        if self._cut.max_age is not None and time.monotonic() - min(since) >= self._cut.max_age:
            return "max_age"
        return "idle" if self._cut.idle is not None and self.idle_for() >= self._cut.idle else None

    @property
    def ending(self) -> bool:
        """Whether a batch has been cut by time and waits for the other members' parts."""
        return self._ending is not None

    def end_by(self, reason: CutReason) -> None:
        """Let the batch end: what this member has open is landed with it, and what others have is waited for."""
        if self._ending is None:
            self._ending, self._ending_since = reason, time.monotonic()

    # ------------------------------------------------------------------ by what has landed

    def look(self, *, landed_now: bool) -> bool:
        """Look at what has landed; return False, and do not, while nothing landed here and the last look is young."""
        self._lanes.count()
        others, now = self._lanes.others, time.monotonic()
        due = now - self._looked >= self._look_s
        if others and not due and not landed_now:
            return False
        self._lanes.look()
        if others and due:
            self._looked = now
            if self._lanes.records_came():
                self._grown_elsewhere = time.monotonic()
        self._note_newest()
        self._batches.look_for_again()
        return True

    def cut_elsewhere(self) -> CutReason | None:
        """Return why another member cut the batch by time, once: what is open here is to land, to be of that batch."""
        reason = time_cut(self._lanes.landed())
        if reason is None or self._ending is not None:
            return None
        self.end_by(reason)
        return reason if self._lanes.others else None

    def seal(self) -> Manifest | None:
        """Seal the next batch if it is complete; return it, whoever sealed it."""
        # When this member landed, another writer may have been faster, and what it sealed was read.
        self._note_newest()
        complete = self._complete()
        if complete is None:
            if rows_of(self._lanes.landed()) == 0 and not self._batches.again:
                self._ending = self._ending_since = None
            return None
        manifest = self._batches.seal(complete)
        self._note_newest()
        return manifest

    def _complete(self) -> CompleteBatch | None:
        return complete_batch(
            self._cut,
            self._lanes.landed(),
            self._batches.again,
            self._lanes,
            time_up=self._ending if not self._lanes.others or self._grace_is_over() else None,
            first_window=self._lanes.own.first_window,
        )

    def _note_newest(self) -> None:
        # The newest batch may have been read anywhere: when a lane was taken, or when another member was faster.
        if self._batches.newest is not self._ended:
            self._ended = self._batches.newest
            self._ending = self._ending_since = None

    def _grace_is_over(self) -> bool:
        return self._ending_since is not None and time.monotonic() - self._ending_since >= GRACE_S
