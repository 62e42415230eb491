"""What is known of a series, in the object store: what a registry that was edited tells no more.

    _series/<model>/series.json              the registered model: stream, scheme, description, tags, aliases
    _series/<model>/versions/<i:08d>.json    version i as the registry shows it: run, source, tags, description
    _series/<model>/artifacts/<i:08d>.json   where version i's artifact is, and the SHA-256 of its files
    _series/<model>/restore.json             while a restore is under way: all that is to be made again

Written by whoever holds the model's lease. No stream has a name that begins with an underscore.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from contract.errors import ChainError
from contract.model_version import TAG_SCHEME, TAG_STREAM
from pipeline.object_store import ObjectStore
from pipeline.train.mlflow_client.registry import RegisteredModel, RegisteredVersion, Registry

logger = logging.getLogger(__name__)

LEDGER_FORMAT: Final = 1
PREFIX: Final = "_series/"
_THREADS: Final = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Artifact:
    """An uploaded logged model: its id, where its files are, and the SHA-256 of each."""

    model_id: str
    location: str
    digests: Mapping[str, str]


@dataclass(frozen=True)
class KnownSeries:
    """A registered model; ``tags`` are those that people gave it."""

    stream: str
    scheme: str
    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]


@dataclass(frozen=True)
class RestorePlan:
    """A registered model that is made again; ``runs`` are those of all versions that the old one may have.

    ``token`` tells the new one from the old; ``versions`` are 1 to n; ``seen`` is a digest of what the old one showed.
    """

    token: str
    series: KnownSeries
    versions: tuple[RegisteredVersion, ...]
    runs: tuple[str, ...]
    seen: str


@dataclass(frozen=True)
class Noted:
    """Which versions are in the ledger, and whether a restore was begun and has not ended."""

    numbers: frozenset[int] = frozenset()
    restoring: bool = False


class Ledger:
    """The ledger of one registered model."""

    def __init__(self, store: ObjectStore, model: str) -> None:
        self.bucket, self.prefix = store.bucket, f"{PREFIX}{model}/"
        self._store = store

    def noted(self) -> Noted:
        """Return what one listing tells."""
        names = [entry.key.removeprefix(self.prefix) for entry in self._store.list_objects(self.prefix)]
        numbers = (name[len("versions/") : -len(".json")] for name in names if name.startswith("versions/"))
        return Noted(frozenset(int(number) for number in numbers if number.isdigit()), "restore.json" in names)

    def note(self, registry: Registry) -> None:
        """Write down what the registry says now, as far as it is new.

        The caller has checked that it says what it should.
        """
        model, versions = registry.model_facts(), registry.versions()
        bodies = {self._version_key(number): _body(asdict(version)) for number, version in versions.items()}
        if model is not None and versions:
            bodies[self._series_key()] = _series(model, versions[max(versions)])
        # The ETag of an object that was PUT whole is its MD5; where a store has others, all is written again.
        there = {entry.key: entry.etag for entry in self._store.list_objects(self.prefix)}
        new = [key for key in bodies if there.get(key) != hashlib.md5(bodies[key], usedforsecurity=False).hexdigest()]
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda key: self._store.put(key, bodies[key]), new))

    def note_version(self, model: RegisteredModel | None, version: RegisteredVersion) -> None:
        """Write down ``version``, and ``model``, whose newest it is."""
        self.keep_version(version)
        if model is not None:
            self._store.put(self._series_key(), _series(model, version))

    def is_restoring(self) -> bool:
        """Return whether a restore was begun and has not ended."""
        return self._store.head(self._restore_key()) is not None

    def keep_artifact(self, number: int, artifact: Artifact) -> None:
        """Write down what version ``number`` is made of."""
        self._store.put(self._artifact_key(number), _body(asdict(artifact)))

    def keep_version(self, version: RegisteredVersion) -> None:
        """Write down a version, whether or not the registry shows it."""
        self._store.put(self._version_key(version.number), _body(asdict(version)))

    def artifact(self, number: int) -> Artifact | None:
        """Return what version ``number`` is made of, or None where that was not written down."""
        return self._read(self._artifact_key(number), lambda fields: Artifact(**fields))

    def series(self) -> KnownSeries | None:
        """Return the registered model, or None where nothing was written down."""
        return self._read(self._series_key(), lambda fields: KnownSeries(**fields))

    def versions(self) -> dict[int, RegisteredVersion]:
        """Return all versions by number."""
        keys = {number: self._version_key(number) for number in sorted(self.noted().numbers)}
        with ThreadPoolExecutor(_THREADS) as pool:
            found = pool.map(lambda key: self._read(key, lambda fields: RegisteredVersion(**fields)), keys.values())
            return {number: version for number, version in zip(keys, found, strict=True) if version is not None}

    def restore_plan(self) -> RestorePlan | None:
        """Return the restore that was begun and has not ended."""
        return self._read(self._restore_key(), _restore_plan)

    def begin_restore(self, plan: RestorePlan) -> None:
        """Write down all that is to be made again; from here on it can be gone on with."""
        for version in plan.versions:
            self.keep_version(version)
        self._store.put(self._series_key(), _body(asdict(plan.series)))
        self._store.put(self._restore_key(), _body(asdict(plan)))

    def end_restore(self) -> None:
        """Say that all has been made again."""
        self._store.delete(self._restore_key())

    def _read(self, key: str, of: Callable[[dict[str, Any]], T]) -> T | None:
        """Return what ``of`` makes of the object, or None where there is none.

        Raises
        ------
        ChainError: it is not what this version wrote.
        """
        found = self._store.get(key)
        if found is None:
            return None
        try:
            fields: dict[str, Any] = json.loads(found[0])
            if fields.pop("format") != LEDGER_FORMAT:
                raise ValueError(f"its format is not {LEDGER_FORMAT}")
            return of(fields)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ChainError(
                f"{key} in bucket {self._store.bucket!r} is not what this version of Swathe wrote: {error}"
            ) from error

    def _series_key(self) -> str:
        return f"{self.prefix}series.json"

    def _restore_key(self) -> str:
        return f"{self.prefix}restore.json"

    def _version_key(self, number: int) -> str:
        return f"{self.prefix}versions/{number:08d}.json"

    def _artifact_key(self, number: int) -> str:
        return f"{self.prefix}artifacts/{number:08d}.json"


def models_of(store: ObjectStore, stream: str) -> tuple[dict[str, str], list[ChainError]]:
    """Return the registered models, with their schemes, that the ledger says are series of ``stream``.

    And what of it cannot be read: of whichever stream that is, the others can be.
    """
    found: dict[str, str] = {}
    unreadable: list[ChainError] = []
    for model in store.list_folders(PREFIX):
        try:
            series = Ledger(store, model).series()
        except ChainError as error:
            unreadable.append(error)
            continue
        if series is not None and series.stream == stream:
            found[model] = series.scheme
    return found, unreadable


def _series(model: RegisteredModel, newest: RegisteredVersion) -> bytes:
    stream, scheme = newest.tags.get(TAG_STREAM, ""), newest.tags.get(TAG_SCHEME, "")
    return _body(asdict(KnownSeries(stream, scheme, model.description, model.tags, model.aliases)))


def _restore_plan(fields: dict[str, Any]) -> RestorePlan:
    versions = tuple(RegisteredVersion(**version) for version in fields["versions"])
    return RestorePlan(
        fields["token"], KnownSeries(**fields["series"]), versions, tuple(fields["runs"]), fields.get("seen", "")
    )


def _body(fields: Mapping[str, Any]) -> bytes:
    return json.dumps({"format": LEDGER_FORMAT, **fields}, indent=1, sort_keys=True).encode()
