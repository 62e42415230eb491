"""Why records were rejected, counted by the form of the reason: what differs from record to record is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.land.reject import Reject

SHOWN = 5
# A form more than these is counted, not kept: a reason whose form is not recognised may differ in every record.
_KEPT = 20
_LONGEST = 160
# Not inside a name: `x1` and `x2` are two columns. The epoch is no value of a record, and a schema is none either.
_NUMBER = re.compile(r"(?<!schema id )(?<![\w.$-])(?!1970\b)-?\d+(\.\d+)?(?![\w-])")
# Arrow ends with the text that it could not read.
_VALUE = re.compile(r"(couldn't parse:).*", re.DOTALL)


def form(reason: str) -> str:
    """Return ``reason`` without the numbers and values that are of its record alone."""
    shown = _NUMBER.sub("…", _VALUE.sub(r"\1 …", reason))
    shown = "".join(letter if letter.isprintable() else "�" for letter in shown)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


@dataclass
class ReasonCount:
    """How many records were rejected for a reason of this form, and where the first of them is."""

    reason: str
    count: int
    lane: int
    offset: int

    @property
    def place(self) -> tuple[int, int]:
        """Lane and offset of the first."""
        return self.lane, self.offset

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.count:,} × {self.reason} (the first: lane {self.lane}, offset {self.offset})"


class RejectReasons:
    """The forms of reasons in the order in which they came."""

    def __init__(self) -> None:
        self._forms: dict[str, ReasonCount] = {}
        self.others = 0
        """Records whose form is one of too many."""

    def count(self, lane: int, rejects: Iterable[Reject]) -> list[ReasonCount]:
        """Count ``rejects`` of ``lane``; return the forms that are new."""
        new = []
        for reject in rejects:
            shown = form(reject.reason)
            found = self._forms.get(shown)
            if found is not None:
                found.count += 1
            elif len(self._forms) < _KEPT:
                self._forms[shown] = ReasonCount(shown, 1, lane, reject.offset)
                new.append(self._forms[shown])
            else:
                self.others += 1
        return new

    def first(self) -> list[ReasonCount]:
        """Return the first reasons."""
        return list(self._forms.values())[:SHOWN]

    def lines(self) -> list[str]:
        """Return the first reasons as lines for a person; the last line counts what is left out."""
        shown = self.first()
        left = self.others + sum(found.count for found in self._forms.values()) - sum(found.count for found in shown)
        return [*map(str, shown), *([f"{left:,} for other reasons"] if left else [])]
