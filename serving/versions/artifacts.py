"""Where the files of artifacts come from: the tracking server, or straight from the store behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final, Protocol, TypeVar

from contract.errors import SwatheError
from serving.stored_rows.object_store import ObjectStore
from serving.told import Told
from serving.versions.registry import Location

T = TypeVar("T")

_TOLD: Final = Told(logging.getLogger(__name__))


class Artifacts(Protocol):
    """Gives the files of an artifact. Each method raises a :class:`SwatheError` where it cannot."""

    def file_sizes(self, location: Location, directory: str) -> dict[str, int | None]:
        """Return its files in ``directory`` by their name, with their bytes; empty if it is not there."""

    def download(self, location: Location, name: str, most_bytes: int) -> bytes:
        """Return the bytes of file ``name``, of which there may be so many."""

    def chunks(self, location: Location, name: str, most_bytes: int, expected: int = 0) -> Generator[bytes]:
        """Yield the bytes of file ``name`` as they come; so many are ``expected``."""


class StoredArtifacts:
    """Reads them below ``prefix`` of ``store``, where the tracking server keeps what it passes on."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store, self._prefix = store, f"{prefix}/" if prefix else ""

    def file_sizes(self, location: Location, directory: str) -> dict[str, int | None]:
        """Return its files, as the tracking server would list them."""
        return {
            f"{directory}/{name}": size
            for name, size in self._store.sizes(self._key(location, directory) + "/").items()
        }

    def download(self, location: Location, name: str, most_bytes: int) -> bytes:
        """Return the bytes of a file."""
        return self._store.get(self._key(location, name), most_bytes)

    def chunks(self, location: Location, name: str, most_bytes: int, expected: int = 0) -> Generator[bytes]:  # noqa: ARG002 - as Artifacts
        """Yield the bytes of a file."""
        return self._store.chunks(self._key(location, name), most_bytes)

    def _key(self, location: Location, name: str) -> str:
        return f"{self._prefix}{location.path}/{name}"


class FromStoreFirst:
    """Gives the files of one artifact from ``store`` and, once it cannot, from ``server``, whose word counts."""

    def __init__(self, store: Artifacts, server: Artifacts) -> None:
        self._givers = [store, server]

    def file_sizes(self, location: Location, directory: str) -> dict[str, int | None]:
        """Return its files; one of which the store has none may be kept elsewhere."""
        found = self._ask(lambda giver: giver.file_sizes(location, directory))
        if not found and len(self._givers) > 1:
            self._pass_over("it has no such files")
            return self.file_sizes(location, directory)
        return found

    def download(self, location: Location, name: str, most_bytes: int) -> bytes:
        """Return the bytes of a file."""
        return self._ask(lambda giver: giver.download(location, name, most_bytes))

    def chunks(self, location: Location, name: str, most_bytes: int, expected: int = 0) -> Generator[bytes]:
        """Yield the bytes of a file; what breaks off half-way is a fault."""

        def begun(giver: Artifacts) -> tuple[bytes, Generator[bytes]]:
            chunks = giver.chunks(location, name, most_bytes, expected)
            return next(chunks, b""), chunks

        first, chunks = self._ask(begun)
        with closing(chunks):
            yield first
            yield from chunks

    def _ask(self, question: Callable[[Artifacts], T]) -> T:
        while len(self._givers) > 1:
            try:
                return question(self._givers[0])
            except SwatheError as error:
                self._pass_over(error)
        return question(self._givers[0])

    def _pass_over(self, why: object) -> None:
        del self._givers[0]
        _TOLD.fault("artifact not read from the store, asking the tracking server", why)
