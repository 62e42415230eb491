"""The line that a terminal shows while landing; what is no terminal gets log lines."""

from __future__ import annotations

import logging
import time
from collections import deque

from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from console.progress import live
from pipeline.land.assemble import Landing
from pipeline.land.broker_state import BrokerState
from pipeline.land.lag import Lag
from pipeline.land.lander import Lander
from pipeline.land.patient_store import PatientStore
from pipeline.land.schema_registry import SchemaRegistry

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


class LandingColumn(ProgressColumn):
    """Says how far landing is; like the metrics, it reads the state when it is to be shown."""

    max_refresh = _EVERY_S

    def __init__(
        self,
        lander: Lander,
        *,
        lag: Lag,
        store: PatientStore,
        broker: BrokerState,
        registry: SchemaRegistry | None = None,
    ) -> None:
        super().__init__(Column(no_wrap=True))
        self._lander, self._lag, self._store, self._broker = lander, lag, store, broker
        self._registry = registry
        self._speed = Speed()

    def render(self, task: Task) -> Text:  # noqa: ARG002 - nothing of it is in a task
        """Return what the line says."""
        counts, lanes, lag = self._lander.counts, self._lander.lanes, self._lag.total
        now = time.monotonic()
        rows_s = self._speed.now(counts.rows + lanes.open_rows, now)
        said = f"{counts.rows:,} rows landed · {rows_s:,.0f}/s · {lanes.open_rows:,} open"
        said += f" for {now - since:.0f} s" if (since := lanes.open_since) is not None else ""
        said += f" · {counts.batches.total()} batches"
        said += f" · lag {lag:,}" if lag is not None else ""
        said += f" · {counts.rejected:,} rejected" if counts.rejected else ""
        said += f" · {counts.skipped:,} skipped" if counts.skipped else ""
        return Text(said + (f" · waiting for {waiting_for}" if (waiting_for := self._waiting_for()) else ""))

    def _waiting_for(self) -> str | None:
        if self._store.failure:
            return "the object store"
        if self._registry is not None and self._registry.failure:
            return "the schema registry"
        return "kafka" if self._broker.failure else None


def progress(landing: Landing) -> Progress:
    """Return the progress line of ``landing``; without a terminal, let landing log its steps."""
    shown = live(
        SpinnerColumn(),
        LandingColumn(
            landing.lander, lag=landing.lag, store=landing.store, broker=landing.broker, registry=landing.registry
        ),
        TimeElapsedColumn(),
    )
    if shown.disable:
        logging.getLogger("pipeline.land").setLevel(logging.INFO)
    shown.add_task("landing")
    return shown
