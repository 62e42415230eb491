"""How much a member of the group lands before it cuts: its share of a batch that all members fill together."""

from __future__ import annotations

from collections.abc import Iterable

from contract.stream_sections import Cut


def share(amount: int, owned: int, lanes: int) -> int:
    """Return ``amount`` × ``owned`` ÷ ``lanes``, rounded up: parts of this size overshoot a batch by less than one."""
    return amount if owned >= lanes else -(-amount * owned // lanes)


def room(amount: int | None, *, owned: int, lanes: int, landed: int, open_: int) -> int | None:
    """Return how much more a member takes before it cuts, at least 1; None without such a rule.

    landed: what all lanes have landed of the batch; open_: what the member holds, not landed yet.
    """
    if amount is None:
        return None
    mine = share(amount, owned, lanes)
    # What has landed may exceed a batch for a moment, or wait for an earlier window: the next part is whole again.
    left = amount - landed
    return max((min(mine, left) if left > 0 else mine) - open_, 1)


def rooms(
    cut: Cut, *, owned: int, lanes: int, landed: Iterable[tuple[int, int]], open_: Iterable[tuple[int, int]]
) -> tuple[int | None, int | None]:
    """Return the room in rows and in bytes; ``landed`` and ``open_`` yield (rows, bytes) of each part."""
    landed_rows, landed_bytes = _sum(landed)
    open_rows, open_bytes = _sum(open_)
    return (
        room(cut.rows, owned=owned, lanes=lanes, landed=landed_rows, open_=open_rows),
        room(cut.bytes, owned=owned, lanes=lanes, landed=landed_bytes, open_=open_bytes),
    )


def _sum(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    rows = size = 0
    for more_rows, more_bytes in pairs:
        rows, size = rows + more_rows, size + more_bytes
    return rows, size
