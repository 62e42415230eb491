"""What is served: an immutable picture of the registry that requests read and the poller replaces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import orjson

from contract.errors import UnknownNameError, VersionUnavailableError
from contract.model_version import ALIASES, TAG_BATCH
from contract.version_facts import VersionFacts
from serving.kinds.kind import Kind, Served
from serving.versions.tags import whole

State = Literal["ready", "failed", "unavailable"]


@dataclass(frozen=True)
class Numbers:
    """What a ready version answers with: ``served``, as its ``kind`` has loaded it.

    ``digests`` are the SHA-256 of the files they came from, by name. ``facts`` are None where its training recorded
    none.
    """

    kind: Kind
    served: Served
    digests: Mapping[str, str]
    facts: VersionFacts | None = None


@dataclass(frozen=True)
class Version:
    """One registered version. ``numbers`` is there when, and only when, ``state`` is ready.

    ``gone_at`` is when the registry stopped listing it, in seconds since the epoch.
    """

    model: str
    number: int
    run_id: str
    source: str
    state: State
    tags: Mapping[str, str]
    created_ms: int
    reason: str | None = None
    numbers: Numbers | None = None
    experiment_id: str | None = None
    gone_at: float | None = None

    @property
    def name(self) -> str:
        """The version's name in paths, as in `v3`."""
        return f"v{self.number}"

    @cached_property
    def batch(self) -> int:
        """The batch it was trained on, which is the version's own number."""
        return whole(self.tags.get(TAG_BATCH)) or self.number

    @cached_property
    def chain(self) -> dict[str, Any]:
        """What leads back from an answer: model, version, run and batch."""
        return {"model": self.model, "version": self.number, "run_id": self.run_id, "batch": self.batch}

    @cached_property
    def chain_json(self) -> bytes:
        """The chain as the end of a JSON object."""
        return orjson.dumps(self.chain)[1:]

    def required_numbers(self) -> Numbers:
        """Return the numbers.

        Raises
        ------
        VersionUnavailableError: there are none.
        """
        if self.numbers is None:
            raise VersionUnavailableError(
                f"version {self.number} of model {self.model!r} is {self.state}: {self.reason or 'no reason given'}"
            )
        return self.numbers


@dataclass(frozen=True)
class ServedModel:
    """A registered model: its versions by number, in order, and its aliases.

    While it ``is_restoring``, it is what was served before, until the registry has all of it again.
    """

    name: str
    versions: Mapping[int, Version]
    aliases: Mapping[str, int] = field(default_factory=dict)
    is_restoring: bool = False

    def version(self, number: int) -> Version:
        """Return version ``number``.

        Raises
        ------
        UnknownNameError: there is none; names the known ones.
        """
        found = self.versions.get(number)
        if found is None:
            raise UnknownNameError("version", f"v{number}", self._names(), within=f"model {self.name!r}")
        return found

    def aliased(self, alias: str) -> Version:
        """Return the version that ``alias`` points to.

        Raises
        ------
        UnknownNameError: no such alias, or it points to a version that is not listed.
        """
        number = self.aliases.get(alias)
        if number is None or number not in self.versions:
            known = [name for name, target in self.aliases.items() if target in self.versions]
            raise UnknownNameError("version", alias, [*known, *self._names()], within=f"model {self.name!r}")
        return self.versions[number]

    def champion(self) -> Version:
        """Return the champion or, while there is none, the newest ready version.

        Raises
        ------
        UnknownNameError: no version is ready yet.
        """
        number = self.aliases.get(ALIASES[0])
        if number is not None and number in self.versions:
            return self.versions[number]
        if self._newest_ready is None:
            raise UnknownNameError("ready version", ALIASES[0], [], within=f"model {self.name!r}")
        return self._newest_ready

    @cached_property
    def _newest_ready(self) -> Version | None:
        return next((version for version in reversed([*self.versions.values()]) if version.state == "ready"), None)

    @cached_property
    def begun(self) -> tuple[float, str]:
        """When its first version was made, in ms since the epoch, and its name: a place among models that stays.

        A version whose entry cannot be read has no time, and does not count.
        """
        known = (version.created_ms for version in self.versions.values() if version.created_ms > 0)
        return min(known, default=math.inf), self.name

    def _names(self) -> list[str]:
        return [f"v{number}" for number in self.versions]


@dataclass(frozen=True)
class Catalogue:
    """All that is served. ``checked_at`` is when the registry last answered, in seconds since the epoch."""

    models: Mapping[str, ServedModel] = field(default_factory=dict)
    checked_at: float | None = None

    def model(self, name: str) -> ServedModel:
        """Return the model ``name``.

        Raises
        ------
        UnknownNameError: there is none; names the known ones.
        """
        found = self.models.get(name)
        if found is None:
            raise UnknownNameError("model", name, list(self.models))
        return found

    def default_model(self, preferred: str | None) -> ServedModel:
        """Return the model behind the paths that name none: ``preferred``, or the one whose versions begin earliest.

        The earliest, because that one stays it when others are registered.

        Raises
        ------
        UnknownNameError: it is not registered yet.
        """
        if preferred is not None:
            return self.model(preferred)
        if not self.models:
            raise UnknownNameError("model", "default", [])
        return min(self.models.values(), key=lambda model: model.begun)
