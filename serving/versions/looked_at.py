"""The versions of one model as they were last read: the newest and the unsettled at each look, the others in turn."""

from __future__ import annotations

import math
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

from serving.versions import registry_answers as answers
from serving.versions.entries import is_settled
from serving.versions.registered import RegisteredVersion, Stretch
from serving.versions.registry import RegisteredModel, Registry

NEWEST: Final = 20
"""Versions that each look reads; what is trained is among them."""
TURN_S: Final = 25.0
"""All others are read once in so long: a look may be late by some seconds, and they are promised within 30."""
# One question to MLflow costs as much as some fifty entries.
_AT_ONCE: Final = 200
# Their runs are named in the address of one question.
_MOST_UNSETTLED: Final = 100
_RUN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class LookedAt:
    """What is known of one model's versions. One thread reads; ``clock`` is in seconds."""

    def __init__(
        self, registry: Registry, name: str, turn_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry, self._name, self._turn_s, self._clock = registry, name, turn_s, clock
        self._known: dict[int, RegisteredVersion] = {}
        self._numbers: list[int] = []
        self._entries: tuple[RegisteredVersion, ...] = ()
        self._unsettled: list[RegisteredVersion] = []
        self._created_ms: int | None = None
        self._is_whole = False
        # Where the turn goes on, how many versions are due by now, and since when more of them become so.
        self._below: int | None = None
        self._due, self._since = 0.0, 0.0

    def read(self, model: RegisteredModel) -> tuple[RegisteredVersion, ...]:
        """Return the versions of ``model`` in order, as far as they are known to be there.

        Raises
        ------
        SwatheError: the registry does not answer, or not as it should.
        """
        if model.is_restoring or not self._is_whole or model.created_ms != self._created_ms:
            self._read_all(model)
        else:
            self._read_some(model)
        return self._entries

    def _read_all(self, model: RegisteredModel) -> None:
        self._is_whole = False
        self._take(self._registry.versions(self._name), None)
        # While it is being restored, all of it may be another one a second later.
        self._created_ms, self._is_whole = model.created_ms, not model.is_restoring
        self._below, self._due, self._since = None, 0.0, self._clock()

    def _read_some(self, model: RegisteredModel) -> None:
        newest = self._registry.versions(self._name, down_to=self._numbers[-1] if self._numbers else 1, most=NEWEST)
        self._take(newest, None)
        self._read_unsettled(newest.first)
        for number in sorted({*model.aliases.values()}):
            if number not in self._known and number < newest.first:
                self._read_below(number + 1, 1)
        self._read_in_turn(newest.first)

    def _read_unsettled(self, below: int) -> None:
        asked = [entry for entry in self._unsettled if entry.number < below][-_MOST_UNSETTLED:]
        if asked:
            found = self._registry.versions_of_runs(self._name, sorted({entry.run_id for entry in asked}))
            self._replace((entry.number for entry in asked), found)

    def _read_in_turn(self, newest: int) -> None:
        """Read as many of the versions before ``newest`` as became due since the last look."""
        others = bisect_left(self._numbers, newest)
        now = self._clock()
        share = (now - self._since) / self._turn_s if self._turn_s else math.inf
        self._due, self._since = min(self._due + share * others, others) if others else 0.0, now
        while next_ones := self._next_in_turn(newest):
            if self._due < next_ones:
                return
            read = self._read_below(min(self._below or newest, newest), next_ones)
            self._below = read.first if read.first > 1 else None
            self._due -= next_ones

    def _next_in_turn(self, newest: int) -> int:
        """Return how many versions are read next; where none is older, the turn begins again."""
        for below in (min(self._below or newest, newest), newest):
            self._below = below
            if older := bisect_left(self._numbers, below):
                return min(older, _AT_ONCE)
        return 0

    def _read_below(self, below: int, most: int) -> Stretch:
        room = answers.MOST_LISTED - sum(entry.size for number, entry in self._known.items() if number >= below)
        read = self._registry.versions(self._name, below=below, down_to=below - 1, most=most, room=room)
        self._take(read, below)
        return read

    def _take(self, read: Stretch, below: int | None) -> None:
        begin = bisect_left(self._numbers, read.first)
        end = len(self._numbers) if below is None else bisect_left(self._numbers, below)
        self._replace(self._numbers[begin:end], read.versions)

    def _replace(self, numbers: Iterable[int], found: Iterable[RegisteredVersion]) -> None:
        """Know of these ``numbers`` what was ``found``: those that were not are there no more."""
        read = {entry.number: entry for entry in found}
        gone = [number for number in numbers if number not in read]
        # What is the same stays the same object: tags take memory, and whoever compares is done at once.
        changed = {number: entry for number, entry in read.items() if self._known.get(number) != entry}
        if not gone and not changed:
            return
        for number in gone:
            del self._known[number]
        self._known = dict(sorted({**self._known, **changed}.items()))
        self._numbers, self._entries = [*self._known], tuple(self._known.values())
        self._unsettled = [each for each in self._entries if not is_settled(each) and _RUN.fullmatch(each.run_id)]
