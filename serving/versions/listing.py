"""What the registry lists, model by model: one whose answers cannot be read keeps none of the others from it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contract.errors import RetryError, ServiceDownError, SwatheError
from contract.model_version import ALIASES
from serving.told import Told
from serving.versions.looked_at import TURN_S, LookedAt
from serving.versions.registered import RegisteredVersion
from serving.versions.registry import Registry

logger = logging.getLogger(__name__)

# A fault may pass within moments; one that stays does not hold up readiness for ever.
_LOOKS_UNTIL_SETTLED: Final = 3


@dataclass(frozen=True)
class ListedModel:
    """A registered model with its aliases and its entries, in order."""

    name: str
    aliases: Mapping[str, int]
    entries: tuple[RegisteredVersion, ...]
    is_gone: bool = False
    is_restoring: bool = False

    def rank(self, entry: RegisteredVersion) -> int:
        """Return 0 for what the champion's route means, 1 for what another alias means, 2 for all others."""
        if entry.number == self.aliases.get(ALIASES[0], self.entries[-1].number):
            return 0
        return 1 if entry.number in self.aliases.values() else 2


class Listing:
    """Reads the models of one registry; each version once in ``turn_s`` seconds at least."""

    def __init__(self, registry: Registry, models: tuple[str, ...], turn_s: float = TURN_S) -> None:
        self.fault: str | None = None
        self._registry, self._models, self._turn_s = registry, models, turn_s
        self._looked_at: dict[str, LookedAt] = {}
        self._unread: dict[str, int] = {}
        self._late: dict[str, int] = {}
        self._looks = 0
        self._told = Told(logger)

    @property
    def settled(self) -> bool:
        """Whether each model was read, or will not be for now."""
        return all(looks >= _LOOKS_UNTIL_SETTLED for looks in self._unread.values())

    def read(self, known: Iterable[str]) -> list[ListedModel]:
        """Return the models that can be read, of those there are and those ``known``; ``fault`` is that of the others.

        Raises
        ------
        SwatheError: none can be read.
        """
        names = list(dict.fromkeys([*(self._models or sorted(self._registry.model_names())), *known]))
        self._unread = {name: looks for name, looks in self._unread.items() if name in names}
        self._late = {name: look for name, look in self._late.items() if name in names}
        self._looked_at = {name: known for name, known in self._looked_at.items() if name in names}
        self._looks += 1
        found, faults = [], list[SwatheError]()
        # Those that did not answer come last, the longest ago first: whoever answers is read within a few looks.
        for name in sorted(names, key=lambda name: self._late.get(name, 0)):
            # One answer that does not come may be that model's own; after a second one, a look is late enough.
            if sum(isinstance(fault, ServiceDownError) for fault in faults) > 1:
                self._unread.setdefault(name, 0)
                continue
            try:
                found.append(self._model(name))
            except SwatheError as error:
                faults.append(error)
                self._keep(name, error)
        if faults and not found:
            raise faults[0]
        self.fault = str(faults[0]) if faults else None
        return found

    def _model(self, name: str) -> ListedModel:
        model = self._registry.model(name)
        if model is None:
            self._looked_at.pop(name, None)
            entries: tuple[RegisteredVersion, ...] = ()
        else:
            known = self._looked_at.setdefault(name, LookedAt(self._registry, name, self._turn_s))
            entries = known.read(model)
        self._unread.pop(name, None)
        self._late.pop(name, None)
        self._told.over(_subject(name))
        if model is None:
            return ListedModel(name, {}, entries, is_gone=True)
        return ListedModel(name, model.aliases, entries, is_restoring=model.is_restoring)

    def _keep(self, name: str, error: SwatheError) -> None:
        self._told.fault(_subject(name), error)
        if isinstance(error, ServiceDownError):
            self._late[name] = self._looks
        passing = isinstance(error, RetryError)
        self._unread[name] = self._unread.get(name, 0) + 1 if passing else _LOOKS_UNTIL_SETTLED


def _subject(name: str) -> str:
    return f"model unread, serving what is known model={name}"
