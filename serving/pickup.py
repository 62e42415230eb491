"""Looks at the registry again and again, and replaces the catalogue. Never on a request's path."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from contract.errors import ModelArtifactError, SwatheError
from contract.model_version import TAG_REASON, TAG_STATE
from serving.cache import LocalCache
from serving.catalogue import Catalogue, Numbers, ServedModel, Version
from serving.loading import fetch, restore
from serving.registry import RegisteredVersion, Registry

logger = logging.getLogger(__name__)

# So that a server that starts with hundreds of versions answers for the first ones early.
_LOADS_PER_LOOK: Final = 32
# A version is half a dozen small questions to the tracking server, which answers several at once.
_LOADS_AT_ONCE: Final = 4
_RETRY_S: Final = 15.0


@dataclass
class _Attempt:
    reason: str
    again_at: float


class Pickup:
    """Keeps ``catalogue`` as the registry says. Readers take the attribute once and work with what they took."""

    def __init__(
        self, registry: Registry, cache: LocalCache, *, models: tuple[str, ...], poll_s: float, grace_s: float
    ) -> None:
        self.catalogue = Catalogue()
        self.last_error: str | None = "no look at the registry yet"
        self.complete = False
        self._registry, self._cache = registry, cache
        self._models, self._poll_s, self._grace_s = models, poll_s, grace_s
        self._failed: dict[tuple[str, str], _Attempt] = {}
        self._digests: dict[str, Mapping[str, str]] = {}
        self._loads_left = 0
        self._written: dict[str, Any] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry-poll", daemon=True)

    def start(self) -> None:
        """Serve what the cache knows, then begin to look."""
        self._restore()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a look that is under way is not waited for longer than a second."""
        self._stop.set()
        self._thread.join(timeout=1)

    def look(self) -> None:
        """Look once and replace the catalogue.

        Raises
        ------
        SwatheError: the registry could not be read; the catalogue stays as it is.
        """
        self._loads_left = _LOADS_PER_LOOK
        before = self.catalogue
        names = list(self._models) or sorted(self._registry.model_names())
        models = {}
        for name in dict.fromkeys([*names, *before.models]):
            model = self._model(name, before.models.get(name))
            if model.versions or name in self._models:
                models[name] = model
        self.catalogue = Catalogue(models, checked_at=time.time())
        self.complete = self._loads_left > 0
        self._remember()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
                if self.last_error is not None:
                    logger.info("registry answers uri=%s", self._registry.uri)
                self.last_error = None
            except SwatheError as error:
                if str(error) != self.last_error:
                    logger.warning("registry unread, serving what is known error=%s", error)
                self.last_error = str(error)
            except Exception as error:
                # Whatever one look meets, the next one has to happen.
                logger.exception("look at the registry failed")
                self.last_error = f"{type(error).__name__}: {error}"
            self._stop.wait(self._poll_s if self.complete or self.last_error else 0.01)

    def _model(self, name: str, before: ServedModel | None) -> ServedModel:
        registered = self._registry.model(name)
        found = self._registry.versions(name) if registered is not None else []
        known = before.versions if before else {}
        # One that is being made again is deleted for a moment; killed in the middle, for longer.
        is_restoring = registered.is_restoring if registered else before is not None and before.is_restoring
        versions = {entry.number: version for entry, version in self._versions(found, known) if version is not None}
        for number, version in known.items():
            if number not in versions and (kept := self._kept(version, is_restoring=is_restoring)):
                versions[number] = kept
        aliases = dict(registered.aliases) if registered else {}
        if before is not None and (registered is None or is_restoring):
            aliases = {**before.aliases, **aliases}
        return ServedModel(name, dict(sorted(versions.items())), aliases, is_restoring)

    def _kept(self, version: Version, *, is_restoring: bool) -> Version | None:
        """Return a version that the registry lists no more, until its grace is over; one that comes back, till then."""
        gone_at = version.gone_at or time.time()
        if time.time() - gone_at >= self._grace_s and not is_restoring:
            logger.info("version removed model=%s version=%d", version.model, version.number)
            return None
        return version if version.gone_at else dataclasses.replace(version, gone_at=gone_at)

    def _versions(
        self, found: list[RegisteredVersion], known: Mapping[int, Version]
    ) -> Iterator[tuple[RegisteredVersion, Version | None]]:
        """Yield the registry's entries and what is to be served of each; None while it is not settled."""
        new = [entry for entry in found if _state(entry) == "ready" and not _is_same(entry, known.get(entry.number))]
        now = [entry for entry in new if not self._is_to_wait(entry)][: self._loads_left]
        self._loads_left -= len(now)
        with ThreadPoolExecutor(_LOADS_AT_ONCE, "load") as pool:
            loaded = dict(zip((entry.number for entry in now), pool.map(self._loaded, now), strict=True))
        for entry in found:
            before = known.get(entry.number)
            if before is not None and _is_same(entry, before):
                same = before.tags == entry.tags and before.gone_at is None
                yield entry, before if same else dataclasses.replace(before, tags=entry.tags, gone_at=None)
            elif _state(entry) == "failed":
                yield entry, self._listed(entry, "failed", entry.tags.get(TAG_REASON))
            elif _state(entry) == "ready":
                yield entry, loaded.get(entry.number) or self._waiting(entry)
            else:
                yield entry, None

    def _is_to_wait(self, entry: RegisteredVersion) -> bool:
        attempt = self._failed.get((entry.run_id, entry.source))
        return attempt is not None and time.monotonic() < attempt.again_at

    def _waiting(self, entry: RegisteredVersion) -> Version:
        attempt = self._failed.get((entry.run_id, entry.source))
        return self._listed(entry, "unavailable", attempt.reason if attempt else "not read yet")

    def _loaded(self, entry: RegisteredVersion) -> Version:
        identity = (entry.run_id, entry.source)
        attempt = self._failed.get(identity)
        try:
            location = self._registry.locate(entry.source)
            numbers = self._cached(entry) or fetch(self._registry, location, self._cache)
        except SwatheError as error:
            retry_s = _RETRY_S if isinstance(error, ModelArtifactError) else 0.0
            self._failed[identity] = _Attempt(str(error), time.monotonic() + retry_s)
            if attempt is None or attempt.reason != str(error):
                logger.warning("version unavailable model=%s version=%d error=%s", entry.model, entry.number, error)
            return self._listed(entry, "unavailable", str(error))
        self._failed.pop(identity, None)
        logger.info("version ready model=%s version=%d run_id=%s", entry.model, entry.number, entry.run_id)
        version = self._listed(entry, "ready", None)
        return dataclasses.replace(version, numbers=numbers, experiment_id=location.experiment_id)

    def _cached(self, entry: RegisteredVersion) -> Numbers | None:
        digests = self._digests.get(entry.source)
        return restore(digests, self._cache) if digests else None

    @staticmethod
    def _listed(entry: RegisteredVersion, state: Any, reason: str | None) -> Version:
        return Version(
            model=entry.model,
            number=entry.number,
            run_id=entry.run_id,
            source=entry.source,
            state=state,
            tags=entry.tags,
            created_ms=entry.created_ms,
            reason=reason,
        )

    def _remember(self) -> None:
        facts = to_facts(self.catalogue)
        if facts == self._written:
            return
        try:
            self._cache.write_registry(self._registry.uri, {**facts, "checked_at": self.catalogue.checked_at})
            self._written = facts
        except OSError as error:
            logger.warning("local cache not written directory=%s error=%s", self._cache.directory, error)

    def _restore(self) -> None:
        facts = self._cache.read_registry(self._registry.uri)
        if facts is None:
            return
        models = {}
        for fields in facts["models"]:
            if self._models and fields["name"] not in self._models:
                continue
            versions = {version["number"]: self._restored(version) for version in fields["versions"]}
            models[fields["name"]] = ServedModel(fields["name"], versions, fields["aliases"])
        self.catalogue = Catalogue(models, checked_at=facts["checked_at"])
        self.complete = bool(models) and all(name in models for name in self._models)
        logger.info("restored from the local cache models=%d", len(models))

    def _restored(self, fields: dict[str, Any]) -> Version:
        digests = fields.pop("digests")
        version = Version(**fields)
        if version.state != "ready":
            return version
        self._digests[version.source] = digests
        try:
            numbers = restore(digests, self._cache)
            reason = "its local copy is missing or altered"
        except ModelArtifactError as error:
            numbers, reason = None, str(error)
        if numbers is None:
            return dataclasses.replace(version, state="unavailable", reason=reason)
        return dataclasses.replace(version, numbers=numbers)


def _state(entry: RegisteredVersion) -> str | None:
    return entry.tags.get(TAG_STATE)


def _is_same(entry: RegisteredVersion, known: Version | None) -> bool:
    """Whether ``known`` is the very version of ``entry``, in the same state."""
    if known is None or known.state != _state(entry):
        return False
    return (known.run_id, known.source) == (entry.run_id, entry.source)


def to_facts(catalogue: Catalogue) -> dict[str, Any]:
    """Return what the cache has to know of ``catalogue``; all but the time of the last look."""
    return {
        "models": [
            {
                "name": model.name,
                "aliases": dict(model.aliases),
                "versions": [_version_facts(version) for version in model.versions.values()],
            }
            for model in catalogue.models.values()
        ]
    }


def _version_facts(version: Version) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(Version) if field.name != "numbers"]
    facts = {name: getattr(version, name) for name in names}
    return {**facts, "tags": dict(version.tags), "digests": dict(version.numbers.digests) if version.numbers else {}}
