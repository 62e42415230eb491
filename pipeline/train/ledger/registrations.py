"""The versions of one model as registry and ledger show them, to whoever makes one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Final

from pipeline.train.ledger.edits import Registered
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry

# What somebody changes further down is seen so late at most; nothing that is registered meanwhile depends on it.
ALL_S: Final = 60.0
NEWEST: Final = 8


class Registrations:
    """All versions, looked at once in a while, and the newest ones, looked at each time.

    So a version costs the same whether there are ten before it or thousands.
    """

    def __init__(self, registry: Registry, ledger: Ledger, now_s: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._ledger, self._now_s = registry, ledger, now_s
        self._seen: Registered | None = None
        self._seen_at_s = 0.0
        self._all_are_noted = False

    def all(self) -> Registered:
        """Look at all."""
        self._seen, self._seen_at_s = Registered.look(self._registry, self._ledger), self._now_s()
        self._all_are_noted = False
        return self._seen

    def now(self) -> Registered:
        """Look at the newest; at all, where that is due or they do not reach down to those that are known."""
        seen = self._seen
        if seen is None or self._now_s() - self._seen_at_s > ALL_S:
            return self.all()
        noted = replace(seen.noted, restoring=self._ledger.is_restoring())
        newest = {each.number: each for each in islice(self._registry.newest_first(NEWEST), NEWEST)}
        lowest = min(newest) if len(newest) == NEWEST else 0
        if lowest > 1 and lowest - 1 not in seen.versions:
            return self.all()
        below = {number: version for number, version in seen.versions.items() if number < lowest}
        self._seen = Registered(dict(sorted({**below, **newest}.items())), noted)
        return self._seen

    def forget(self) -> None:
        """Look at all the next time: something is not as it should be, and may be put right anywhere."""
        self._seen = None

    def note(self, version: RegisteredVersion) -> None:
        """Write ``version``, as it is registered now, into the ledger; and all others, where all were looked at."""
        if self._all_are_noted:
            self._ledger.note_version(self._registry.model_facts(), version)
        else:
            self._ledger.note(self._registry)
            self._all_are_noted = True
        if self._seen is not None:
            noted = self._seen.noted
            self._seen = replace(self._seen, noted=replace(noted, numbers=noted.numbers | {version.number}))
