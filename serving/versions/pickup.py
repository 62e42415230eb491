"""Looks at the registry again and again, and replaces the catalogue. Never on a request's path."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Mapping
from typing import Final

from contract.decoding import shortened
from contract.errors import ModelArtifactError, SwatheError
from serving.kinds.kind import Kind
from serving.told import Told
from serving.versions.artifacts import Artifacts, FromStoreFirst
from serving.versions.cache import LocalCache
from serving.versions.catalogue import Catalogue, Numbers, ServedModel, Version
from serving.versions.entries import as_listed, is_to_load, served, state_of
from serving.versions.listing import ListedModel, Listing
from serving.versions.loading import fetch, restore
from serving.versions.loads import Loaded, Loads
from serving.versions.looked_at import TURN_S
from serving.versions.picture import KeptVersion, to_facts
from serving.versions.registered import RegisteredVersion
from serving.versions.registry import Registry
from serving.versions.restoring import whole
from serving.versions.tags import kind_of

logger = logging.getLogger(__name__)

# A look waits no longer for what it began to load: aliases move meanwhile.
_LOAD_WAIT_S: Final = 1.0


class Pickup:
    """Keeps ``catalogue`` as the registry says. Readers take the attribute once and work with what they took.

    Whatever one model's answers, one version's entry or one artifact holds, the others are picked up. ``stored`` gives
    artifacts sooner than the registry's own server, where it can.
    """

    def __init__(
        self,
        registry: Registry,
        cache: LocalCache,
        kinds: Mapping[str, Kind],
        *,
        models: tuple[str, ...],
        poll_s: float,
        grace_s: float,
        left_out: Mapping[str, str] | None = None,
        stored: Artifacts | None = None,
    ) -> None:
        self.catalogue = Catalogue()
        self.last_error: str | None = "no look at the registry yet"
        self.complete = False
        self._registry, self._cache, self._kinds, self._left_out = registry, cache, kinds, left_out or {}
        self._models, self._poll_s, self._grace_s, self._stored = models, poll_s, grace_s, stored
        # A version that is deleted is seen to be within its grace.
        self._listing, self._loads = Listing(registry, models, min(TURN_S, grace_s)), Loads(self._loaded)
        self._listed: list[ListedModel] = []
        self._is_at_rest = False
        self._digests: dict[str, Mapping[str, str]] = {}
        self._told = Told(logger)
        self._written: Mapping[str, ServedModel] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry-poll", daemon=True)

    def start(self) -> None:
        """Serve what the cache knows, then begin to look."""
        self._restore()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a look that is under way is not waited for longer than a second."""
        self._stop.set()
        self._loads.stop()
        self._thread.join(timeout=1)

    def look(self) -> bool:
        """Look once and replace the catalogue; return whether there is more to load.

        Raises
        ------
        SwatheError: the registry could not be read; the catalogue stays as it is.
        """
        models = self.catalogue.models
        listed = [whole(model, models.get(model.name)) for model in self._listing.read(models)]
        self.last_error = self._listing.fault
        if self._is_at_rest and listed == self._listed:
            self.catalogue = dataclasses.replace(self.catalogue, checked_at=time.time())
            return False
        self._listed, self._is_at_rest = listed, False
        wanted = self._wanted(listed)
        self._loads.want(wanted)
        # What is known is not to wait for what is being loaded.
        if not self._loads.wait(0):
            self._publish(listed, waited=False)
            self._loads.wait(_LOAD_WAIT_S)
        self._publish(listed, waited=True)
        self._forget()
        untried = [entry for entry in wanted if self._loads.outcome(entry) is None]
        self.complete = self.complete or (self._listing.settled and not untried)
        self._remember()
        # Nothing to load, to forget or to write: as long as the same is listed, the same is served.
        self._is_at_rest = self.complete and not wanted and self._written is self.catalogue.models and not self._goes()
        return bool(untried)

    def _run(self) -> None:
        while not self._stop.is_set():
            more = False
            try:
                more = self.look()
                if self._told.over("registry unread, serving what is known"):
                    logger.info("registry answers uri=%s", self._registry.uri)
                self._told.over("look at the registry failed")
            except SwatheError as error:
                self._told.fault("registry unread, serving what is known", error)
                self.last_error = str(error)
            except Exception as error:
                # Whatever one look meets, the next one has to happen.
                self._told.fault("look at the registry failed", error, unforeseen=error)
                self.last_error = shortened(f"{type(error).__name__}: {error}")
            # With more to load, the look itself has waited for what it began.
            self._stop.wait(0.01 if more else self._poll_s)

    def _wanted(self, listed: list[ListedModel]) -> list[RegisteredVersion]:
        """Return what is to be loaded: champions first, then what other aliases mean, then the newest of each model."""
        ranked = [
            ((model.rank(entry), age, model.name), entry)
            for model in listed
            for age, entry in enumerate(reversed(model.entries))
            if is_to_load(entry, self._known(model.name).get(entry.number))
        ]
        return [entry for _, entry in sorted(ranked, key=lambda each: each[0])]

    def _publish(self, listed: list[ListedModel], *, waited: bool) -> None:
        read = {model.name: self._served(model, waited) for model in listed}
        models = {}
        for name in dict.fromkeys([*self._models, *sorted({*read, *self.catalogue.models})]):
            before = self.catalogue.models.get(name)
            model = read.get(name, before)
            if model is not None and (model.versions or name in self._models):
                # One object for what is the same: whatever was made from it is still right.
                models[name] = before if before is not None and before == model else model
        same = [*models.items()] == [*self.catalogue.models.items()]
        self.catalogue = Catalogue(self.catalogue.models if same else models, checked_at=time.time())

    def _goes(self) -> bool:
        """Return whether a version is served that the registry lists no more."""
        return any(v.gone_at is not None for model in self.catalogue.models.values() for v in model.versions.values())

    def _known(self, name: str) -> Mapping[int, Version]:
        model = self.catalogue.models.get(name)
        return model.versions if model else {}

    def _served(self, model: ListedModel, waited: bool) -> ServedModel:
        known = self._known(model.name)
        aliases = self._aliases(model, known)
        versions = {}
        for entry in model.entries:
            version = self._version(entry, known.get(entry.number))
            # A new version is not there yet; one that an alias means must not be passed over for another.
            if version is None and state_of(entry) == "ready" and (waited or entry.number in aliases.values()):
                version = as_listed(entry, "unavailable", "not read yet")
            if version is not None:
                versions[entry.number] = version
        for number, version in known.items():
            if number not in versions and (kept := self._kept(version, is_restoring=model.is_restoring)):
                versions[number] = kept
        return ServedModel(model.name, dict(sorted(versions.items())), aliases, model.is_restoring)

    def _aliases(self, model: ListedModel, known: Mapping[int, Version]) -> Mapping[str, int]:
        """Return what the aliases mean: what they meant before, until their new version was read."""
        before = self.catalogue.models.get(model.name)
        pending = {
            entry.number
            for entry in model.entries
            if is_to_load(entry, known.get(entry.number)) and self._loads.outcome(entry) is None
        }
        meant = {alias: number for alias, number in before.aliases.items() if number in known} if before else {}
        return {
            alias: meant.get(alias, number) if number in pending else number for alias, number in model.aliases.items()
        }

    def _version(self, entry: RegisteredVersion, before: Version | None) -> Version | None:
        subject = f"version unreadable model={entry.model} version={entry.number}"
        if entry.fault is not None:
            self._told.fault(subject, entry.fault)
        else:
            self._told.over(subject)
        return served(entry, before, self._loads.outcome(entry))

    def _kept(self, version: Version, *, is_restoring: bool) -> Version | None:
        """Return a version that the registry lists no more, until its grace is over; one that comes back, till then."""
        gone_at = version.gone_at or time.time()
        if time.time() - gone_at >= self._grace_s and not is_restoring:
            logger.info("version removed model=%s version=%d", version.model, version.number)
            return None
        return version if version.gone_at else dataclasses.replace(version, gone_at=gone_at)

    def _loaded(self, entry: RegisteredVersion) -> Loaded:
        location = self._registry.locate(entry.source)
        digests = self._digests.get(entry.source)
        kind = self._kind(kind_of(entry.tags))
        numbers = restore(digests, self._cache, kind) if digests else None
        if numbers is None:
            artifacts = FromStoreFirst(self._stored, self._registry) if self._stored else self._registry
            numbers = fetch(artifacts, location, self._cache, kind)
        return Loaded(numbers, location.experiment_id)

    def _kind(self, name: str) -> Kind:
        kind = self._kinds.get(name)
        if kind is None and name in self._left_out:
            raise ModelArtifactError(shortened(self._left_out[name]))
        if kind is None:
            raise ModelArtifactError(
                f"its kind of model is {shortened(name)!r}; installed are {', '.join(self._kinds)}: install the "
                f"package that has it, and start the server again"
            )
        return kind

    def _forget(self) -> None:
        """Keep the digests of what is still served."""
        sources = {v.source for model in self.catalogue.models.values() for v in model.versions.values()}
        self._digests = {source: digests for source, digests in self._digests.items() if source in sources}

    def _remember(self) -> None:
        models = self.catalogue.models
        if models is self._written:
            return
        facts = to_facts(self.catalogue, self._digests)
        subject = f"local cache not written directory={self._cache.directory}"
        try:
            self._cache.write_registry(self._registry.uri, {**facts, "checked_at": self.catalogue.checked_at})
            self._written = models
            self._told.over(subject)
        except OSError as error:
            self._told.fault(subject, error.strerror)

    def _restore(self) -> None:
        kept = self._cache.read_registry(self._registry.uri)
        if kept is None:
            return
        models = {}
        for model in kept.models:
            if self._models and model.name not in self._models:
                continue
            versions = {version.number: self._restored(version) for version in model.versions}
            models[model.name] = ServedModel(model.name, versions, model.aliases)
        self.catalogue = Catalogue(models, checked_at=kept.checked_at)
        self.complete = bool(models) and all(name in models for name in self._models)
        logger.info("restored from the local cache models=%d", len(models))

    def _restored(self, kept: KeptVersion) -> Version:
        version = kept.version()
        if version.state != "ready":
            return version
        self._digests[version.source] = kept.digests
        try:
            numbers: Numbers | None = restore(kept.digests, self._cache, self._kind(kept.kind or kind_of(version.tags)))
            reason = "its local copy is missing or altered"
        except Exception as error:
            numbers, reason = None, shortened(str(error))
        if numbers is None:
            return dataclasses.replace(version, state="unavailable", reason=reason)
        return dataclasses.replace(version, numbers=numbers)
