"""The line that a terminal shows while landing; what is no terminal gets log lines."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.land.group_member import GroupMember
from pipeline.land.lander import Lander

# Rows a second are those of the last few seconds.
_SPAN_S = 5.0
_EVERY_S = 0.2


class Speed:
    """Rows a second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def now(self, rows: int, at: float) -> float:
        """Note that ``rows`` have been read in all, at second ``at``; return rows a second."""
        self._seen.append((at, rows))
        while self._seen[0][0] < at - _SPAN_S:
            self._seen.popleft()
        since, before = self._seen[0]
        return (rows - before) / (at - since) if at > since else 0.0


def text(lander: Lander, rows_s: float, lag: int | None, waiting_for: str | None) -> str:
    """Return what the line says."""
    done = lander.counts
    said = f"{done.rows:,} rows landed · {rows_s:,.0f}/s · {lander.open_rows:,} open{_age(lander)}"
    said += f" · {done.batches.total()} batches"
    said += f" · lag {lag:,}" if lag is not None else ""
    said += f" · {done.rejected:,} rejected" if done.rejected else ""
    return said + (f" · waiting for {waiting_for}" if waiting_for else "")


def _age(lander: Lander) -> str:
    since = lander.open_since
    return "" if since is None else f" for {time.monotonic() - since:.0f} s"


def progress(lander: Lander, landing: GroupMember, store_down: Callable[[], str | None]) -> Progress:
    """Return the progress line, which ``landing`` updates; without a terminal, let landing log its steps."""
    terminal = sys.stderr.isatty()
    if not terminal:
        logging.getLogger("pipeline.land").setLevel(logging.INFO)
    shown = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not terminal,
    )
    task = shown.add_task("landing")
    speed = Speed()
    last = 0.0

    def show() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _EVERY_S:
            return
        last = now
        rows_s = speed.now(lander.counts.rows + lander.open_rows, now)
        lag = sum(landing.lag.values()) if landing.lag else None
        waiting_for = "the object store" if store_down() else "kafka" if landing.broker.failure else None
        shown.update(task, description=text(lander, rows_s, lag, waiting_for))

    landing.show = show
    return shown
