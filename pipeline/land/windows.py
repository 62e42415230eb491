"""Record-time windows: numbered from one origin that all lanes and all consumers share."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from contract.batch import origin_key
from contract.errors import ChainError
from pipeline.land.origins import Longs
from pipeline.object_store import ObjectStore

_WEEK_MS = 7 * 24 * 3_600_000
_FIRST_MONDAY_MS = 4 * 24 * 3_600_000


@dataclass(frozen=True)
class Windows:
    """Windows of ``length_ms`` of record time; number j is [origin + j·length, origin + (j+1)·length)."""

    origin_ms: int
    length_ms: int

    def numbers(self, timestamps_ms: Longs) -> Longs:
        """Return the window of each timestamp; before the origin they are negative."""
        return (timestamps_ms - self.origin_ms) // self.length_ms

    def number(self, timestamp_ms: int) -> int:
        """Return the window of one timestamp."""
        return (timestamp_ms - self.origin_ms) // self.length_ms

    def end_ms(self, window: int) -> int:
        """Return the first ms that is no longer in ``window``."""
        return self.origin_ms + (window + 1) * self.length_ms

    def wait_s(self, window: int, received_at_ms: int) -> float:
        """Return how long after the receipt of its first row a window can be taken as over.

        A live stream's window is over at its own end. A replayed one ended long ago, so there the wall clock
        gives it the window's length, or a pause of the sender would end it early.
        """
        left_ms = self.end_ms(window) - received_at_ms
        return (left_ms if 0 <= left_ms <= self.length_ms else self.length_ms) / 1000


def calendar_start_ms(timestamp_ms: int, length_ms: int) -> int:
    """Return where the calendar's window of ``timestamp_ms`` begins; weeks begin on Monday."""
    shift = _FIRST_MONDAY_MS if length_ms % _WEEK_MS == 0 else 0
    return timestamp_ms - (timestamp_ms - shift) % length_ms


def shared_windows(
    store: ObjectStore, stream: str, length_s: float, first_timestamp_ms: int, *, aligned: bool = False
) -> Windows:
    """Return the stream's windows; whoever comes first fixes their origin at ``first_timestamp_ms``.

    If they are ``aligned``, where the calendar's window of that time begins.

    Raises
    ------
    ChainError: the stream was begun with windows of another length, or that begin otherwise.
    """
    key, length_ms = origin_key(stream), round(length_s * 1000)
    if (found := store.get(key)) is None:
        origin_ms = calendar_start_ms(first_timestamp_ms, length_ms) if aligned else first_timestamp_ms
        body = {"origin_ms": origin_ms, "length_ms": length_ms, "made_at_ms": int(time.time() * 1000)}
        store.put_if_absent(key, json.dumps(body).encode())
        found = store.get(key)
    try:
        fields = json.loads(found[0]) if found else {}
        windows = Windows(int(fields["origin_ms"]), int(fields["length_ms"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ChainError(f"{key} is not a window origin that Swathe wrote: {error!r}") from error
    if windows.length_ms != length_ms:
        raise ChainError(
            f"stream {stream!r} is cut into windows of {windows.length_ms / 1000:g} s, not {length_s:g} s; windows "
            f"keep their length for a stream's life: use the old length, or give the stream another `name`"
        )
    if aligned and calendar_start_ms(windows.origin_ms, length_ms) != windows.origin_ms:
        raise ChainError(
            f"stream {stream!r} was begun with windows from its first record on, and they keep their beginning for a "
            f"stream's life: remove `cut.aligned`, or give the stream another `name`"
        )
    return windows
