"""What a demo says at its end of its time: every second of it, by step."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

BEGAN = click.option(
    "--began", metavar="SECONDS", type=float, help="When the set-up before it began, in seconds since 1970."
)


class Took:
    """Seconds by step, in the order of their ends; what passes between the ends of two belongs to the second."""

    def __init__(self, began: float | None) -> None:
        self._began = self._last = time.time() if began is None else began
        self._steps: dict[str, float] = {}
        if began is not None:
            self.end("packages")

    def end(self, name: str, parts: Mapping[str, float] | None = None) -> None:
        """End the step ``name``, of which ``parts`` are told as steps of their own, in seconds."""
        now = time.time()
        within = dict(parts or {})
        self._steps |= within | {name: now - self._last - sum(within.values())}
        self._last = now

    def __str__(self) -> str:
        steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in self._steps.items())
        return f"took {self._last - self._began:.0f} s: {steps}"
