"""Where the files of artifacts come from: the tracking server, or straight from the store behind it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from serving.stored_rows.object_store import ObjectStore
from serving.versions.registry import Location


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
