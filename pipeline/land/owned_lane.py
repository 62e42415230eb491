"""One lane while this process owns it: its open part, what it holds, and since when."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from contract.batch import Part
from pipeline.land.chain import Chain
from pipeline.land.open_part import PART_BYTES, OpenPart
from pipeline.land.parsed_records import ParsedRecords
from pipeline.land.windows import Windows

# A row that is ahead waits for those behind it to decide; so many offsets, or a part's bytes, without one, and it is
# taken as ahead.
HELD_OFFSETS = 10_000
# An open part without a row that does not grow for so long is landed, so that no window waits for its lane.
REST_S = 1.0


@dataclass(frozen=True)
class ChainEnd:
    """A lane's chain now ends at ``next_offset``.

    ``seek_epoch``, if given, is the lane's new epoch: what was fetched in an earlier one is void.
    """

    lane: int
    next_offset: int
    seek_epoch: int | None = None


@dataclass
class OwnedLane:
    """One lane, while this process owns it."""

    lane: int
    epoch: int
    chain: Chain
    open: OpenPart
    held: ParsedRecords | None = None
    """What follows the open part from a row on that is ahead of the lane's clock: those behind it will decide."""
    held_at: float | None = None
    """Monotonic seconds at which it came."""
    in_hand: bool = False
    """Whether records are still to be added that follow the open part, and lie before what is held."""
    at_end: bool = False
    """Whether the record before ``next_offset`` was the topic's last."""
    landed_since: float | None = None
    """Monotonic seconds at which the first row came that has landed and is in no batch yet."""

    @property
    def next_offset(self) -> int:
        """The offset behind all that was taken."""
        return self.open.next_offset if self.held is None else self.held.next_offset

    @property
    def holds_too_much(self) -> bool:
        """Whether what is held has so many offsets or bytes that nothing more is waited for."""
        held = self.held
        return held is not None and (
            held.next_offset - held.first_offset > HELD_OFFSETS or held.size_bytes > PART_BYTES
        )

    @property
    def opened_at(self) -> float | None:
        """Monotonic seconds at which the first row or reject came that has to be landed."""
        return self.held_at if self.open.opened_at is None else self.open.opened_at

    @property
    def open_rows(self) -> int:
        """Rows that have not landed; other threads ask."""
        held = self.held
        return self.open.rows + (0 if held is None else held.rows.num_rows)

    def since(self, unsealed: Sequence[Part]) -> float | None:
        """Return the monotonic seconds at which the first record came that has to be landed, or is in ``unsealed``."""
        if not any(part.rows for part in unsealed):
            self.landed_since = None
        return self.opened_at if self.landed_since is None else self.landed_since

    def hold(self, records: ParsedRecords | None) -> None:
        """Hold ``records`` instead of what was held, which may be its beginning."""
        if records is None:
            self.held_at = None
        elif self.held is None or self.held.first_offset != records.first_offset:
            self.held_at = time.monotonic()
        self.held = records

    def skip(self, gap: ParsedRecords) -> None:
        """Go on behind ``gap``, offsets that hold no record."""
        if self.held is None:
            self.open.add(gap)
        else:
            self.hold(self.held.then(gap))

    def go_on(self, part: OpenPart) -> None:
        """Go on with an empty ``part``; everything in flight was fetched for another place, and is void."""
        self.open = part
        self.hold(None)
        self.epoch += 1
        self.at_end = False


def next_open(lane: OwnedLane, landed: Part, schema: pa.Schema) -> None:
    """Begin the part that follows ``landed``."""
    if lane.landed_since is None and landed.rows:
        lane.landed_since = lane.open.opened_at
    lane.open = OpenPart(lane.lane, landed.sequence + 1, landed.next_offset, schema, lane.open.clock)


def outlived(lane: OwnedLane, windows: Windows | None, length_s: float, now: float) -> bool:
    """Whether the lane's open window is over by the wall clock and no record is waiting to be read.

    A row that is held before any window is open waits as long as a window is.
    """
    part = lane.open
    if not lane.at_end:
        return False
    if windows is None or part.window is None or part.opened_at is None:
        return lane.held_at is not None and now - lane.held_at >= length_s
    received_at_ms = int((time.time() - (now - part.opened_at)) * 1000)
    return now - part.opened_at >= windows.wait_s(part.window, received_at_ms)


def waits_without_rows(lane: OwnedLane, length_s: float, now: float) -> bool:
    """Whether the lane rests behind rejects or gaps only: once they have landed, other members see that it is empty.

    Before its first part they wait for it; it comes after a window's length, though rejects go on coming.
    """
    part = lane.open
    if part.empty or part.rows:
        return False
    first = part.sequence == 0 and now - part.begun_at >= length_s
    return first or (lane.at_end and now - part.grown_at >= REST_S)
