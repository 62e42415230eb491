"""What is asked of a figure, and whether the runs that measured it meet it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a figure."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Asked:
    """One figure: at ``least`` or at ``most`` so much, in ``unit``; a ``goal`` goes further and decides nothing.

    ``name`` is ``measurement.figure``; ``quick``: a run for `make bench` of its measurement tells it too.
    """

    name: str
    what: str
    least: float | None = None
    most: float | None = None
    goal: float | None = None
    unit: str = "×"
    quick: bool = True

    def __post_init__(self) -> None:
        if (self.least is None) == (self.most is None):
            raise ValueError(f"{self.name}: either at least or at most something is asked")

    @property
    def measurement(self) -> str:
        """Name of the measurement that measures it."""
        return self.name.rpartition(".")[0]

    @property
    def bound(self) -> str:
        """What is asked, in words of the table."""
        sign, value = ("≥", self.least) if self.most is None else ("≤", self.most)
        assert value is not None
        further = f", the goal {self.told(self.goal)}" if self.goal is not None else ""
        return f"{sign} {self.told(value)}{further}"

    def told(self, value: float) -> str:
        """Return ``value`` with its unit, to three digits."""
        return f"{f'{value:,.0f}' if abs(value) >= 1_000 else f'{value:.3g}'} {self.unit}"

    def judge(self, values: Sequence[float]) -> Verdict:
        """Return what the median of ``values`` says; each is of one run."""
        if not values:
            return Verdict.NOT_MEASURED
        middle = statistics.median(values)
        met = middle >= self.least if self.least is not None else self.most is not None and middle <= self.most
        return Verdict.MET if met else Verdict.MISSED
