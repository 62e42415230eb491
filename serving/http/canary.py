"""Which of champion and challenger answers a request to the champion's route, and how often the two disagree."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from contract.errors import SwatheError
from serving.kinds.prediction import Answer
from serving.metrics import Metrics
from serving.settings import Mode
from serving.versions.catalogue import ServedModel, Version

logger = logging.getLogger(__name__)

# Comparisons that may wait; more are left out, so that a flood of large requests is not doubled.
_MOST_WAITING: Final = 8


@dataclass(frozen=True)
class Drawn:
    """The version that answers, and the one that is asked too, only to be compared with; mostly there is none."""

    version: Version
    shadow: Version | None = None


class Canary:
    """Draws requests by a hash of their id, so the same id is drawn again. Lives on the event loop."""

    def __init__(self, share: float, mode: Mode, metrics: Metrics) -> None:
        self._share, self._mode, self._metrics = share, mode, metrics
        self._waiting: set[asyncio.Task[None]] = set()

    def draw(self, model: ServedModel, version: Version, request_id: str) -> Drawn:
        """Return who answers a request to the champion ``version``: a challenger only if it takes the same rows."""
        number = model.aliases.get("challenger") if self._share else None
        challenger = None if number is None else model.versions.get(number)
        if challenger is None or challenger.numbers is None or version.numbers is None or challenger is version:
            return Drawn(version)
        if not challenger.numbers.served.takes_the_rows_of(version.numbers.served):
            return Drawn(version)
        if position(request_id) >= self._share:
            return Drawn(version)
        return Drawn(challenger, version) if self._mode == "send" else Drawn(version, challenger)

    def compare_later(self, drawn: Drawn, rows: int, ask: Callable[[Version], Awaitable[Answer]]) -> None:
        """Compare ``rows`` rows, once the client has its answer; whatever becomes of that, the client never notices.

        ``ask`` is given the shadow, and returns of how many rows it gives another answer.
        """
        if drawn.shadow is None or len(self._waiting) >= _MOST_WAITING:
            return
        task = asyncio.create_task(self._compare(drawn, drawn.shadow, rows, ask), name="canary")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _compare(
        self, drawn: Drawn, shadow: Version, rows: int, ask: Callable[[Version], Awaitable[Answer]]
    ) -> None:
        try:
            differing = (await ask(shadow)).differing
        except SwatheError as error:
            logger.warning("not compared model=%s version=%d error=%s", shadow.model, shadow.number, error)
            return
        if differing is not None:
            champion, challenger = (shadow, drawn.version) if self._mode == "send" else (drawn.version, shadow)
            self._metrics.compared(champion, challenger, rows, differing)


def position(request_id: str) -> float:
    """Return where in 0 to 1 a request id lies; anybody can work it out: the first 8 bytes of its SHA-256."""
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8], "big") / 2**64
