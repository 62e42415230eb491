"""The lanes of the topic, whoever owns them: what has landed in each, and which windows all of them are past."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.land.batches import Batches
from pipeline.land.complete_batch import LandedParts
from pipeline.land.foreign_lanes import ForeignLanes
from pipeline.land.owned_lanes import OwnedLanes
from pipeline.land.unsealed_parts import UnsealedParts


class AllLanes:
    """One's own lanes and, as of the last look at them, those of other members."""

    def __init__(self, own: OwnedLanes, foreign: ForeignLanes, batches: Batches, unsealed: UnsealedParts) -> None:
        self.own = own
        self._foreign = foreign
        self._batches = batches
        self._unsealed = unsealed
        self._numbers: Collection[int] = ()

    def count(self) -> None:
        """Note which lanes there are: those of the topic, of the newest batch, and one's own."""
        self._numbers = {*range(self.own.partitions), *self._batches.ends(), *self.own.numbers}

    @property
    def others(self) -> list[int]:
        """Numbers of the lanes that other members own, or nobody."""
        return [lane for lane in self._numbers if lane not in self.own]

    def look(self) -> None:
        """Read what other members have sealed and landed since the last look."""
        others = self.others
        if others:
            self._batches.refresh()
        self._foreign.look(others)

    def records_came(self) -> bool:
        """Whether the topic grew in other members' lanes since this was asked last."""
        return self._foreign.records_came()

    def landed(self) -> LandedParts:
        """Return the parts of all lanes that are in no batch yet."""
        return {lane: self._unsealed.of(lane) for lane in self._numbers}

    def past(self, window: int) -> bool:
        """Whether every lane is past record-time window ``window``; the broker is asked last."""
        return self.own.past(window) and self._foreign.past(window, self.own.window_end_ms(window))
