"""Ranges of stored objects, kept on disk up to a size; each is checked when it is read back."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from contract.errors import ConfigurationError
from serving.stored_rows.object_store import ObjectStore
from serving.told import Told

logger = logging.getLogger(__name__)

_HASH_BYTES: Final = 32


class RangeCache:
    """Reads ranges through a directory of at most ``limit_bytes``; the least recently used go first.

    An object is named by key and ETag, so nothing in the cache is ever out of date. Safe to share between threads.
    """

    def __init__(self, store: ObjectStore, directory: Path, limit_bytes: int) -> None:
        self._store, self._directory, self._limit = store, directory, limit_bytes
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0
        self._told = Told(logger)

    def prepare(self) -> None:
        """Create the directory and take over what an earlier process left in it.

        Raises
        ------
        ConfigurationError: it cannot be a directory.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            found = [(path.stat().st_atime, path) for path in self._directory.iterdir() if path.is_file()]
        except OSError as error:
            raise ConfigurationError(
                f"SWATHE_SERVING_CACHE: {self._directory} cannot be made: {error.strerror}"
            ) from error
        self._sizes.clear()
        self._total = 0
        for _, path in sorted(found):
            if path.name.startswith(".new-"):
                path.unlink(missing_ok=True)
            else:
                self._count(path.name, path.stat().st_size)

    def get(self, key: str, etag: str, first: int, after: int) -> bytes:
        """Return bytes ``first`` ≤ b < ``after`` of the object; from the store where they are not cached.

        Raises
        ------
        ServiceDownError, AccessDeniedError, ModelArtifactError: as :class:`ObjectStore`.
        """
        name = hashlib.sha256(f"{self._store.bucket}/{key}/{etag}/{first}-{after}".encode()).hexdigest()
        body = self._read(name, after - first)
        if body is None:
            body = self._store.get_range(key, etag, first, after)
            self._write(name, body)
        return body

    def whole(self, key: str, most_bytes: int) -> bytes:
        """Return an object that is written once and never changed, and has at most ``most_bytes``.

        Raises
        ------
        ServiceDownError, AccessDeniedError, ModelArtifactError: as :class:`ObjectStore`.
        """
        name = hashlib.sha256(f"{self._store.bucket}/{key}".encode()).hexdigest()
        body = self._read(name, most_bytes)
        if body is None:
            body = self._store.get(key, most_bytes)
            self._write(name, body)
        return body

    def _read(self, name: str, most_bytes: int) -> bytes | None:
        path = self._directory / name
        try:
            if path.stat().st_size > most_bytes + _HASH_BYTES:
                return None
            stored = path.read_bytes()
        except OSError:
            return None
        body = stored[_HASH_BYTES:]
        if hashlib.sha256(body).digest() != stored[:_HASH_BYTES]:
            logger.warning("cached range altered path=%s", path)
            path.unlink(missing_ok=True)
            return None
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
        return body

    def _write(self, name: str, body: bytes) -> None:
        if len(body) + _HASH_BYTES > self._limit:
            return
        new = self._directory / f".new-{os.getpid()}-{threading.get_ident()}-{name[:8]}"
        try:
            new.write_bytes(hashlib.sha256(body).digest() + body)
            new.replace(self._directory / name)
        except OSError as error:
            # A full disk costs speed, never an answer.
            self._told.fault(f"ranges not cached directory={self._directory}", error.strerror)
            return
        self._told.over(f"ranges not cached directory={self._directory}")
        self._count(name, len(body) + _HASH_BYTES)

    def _count(self, name: str, size: int) -> None:
        with self._lock:
            self._total += size - self._sizes.pop(name, 0)
            self._sizes[name] = size
            while self._total > self._limit:
                oldest, freed = self._sizes.popitem(last=False)
                self._total -= freed
                with contextlib.suppress(OSError):
                    (self._directory / oldest).unlink()
