"""An object store in memory, for thousands of schedules; it passes the same suite as the real one."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping

from contract.errors import ChainError, ServiceDownError
from pipeline.object_store import ObjectStore, StoredObject


class MemoryStore(ObjectStore):
    """A bucket in a dictionary.

    ``faults`` are what happens to the next PUTs: ``crash-before`` and ``crash-after`` the writing, or ``lost``: the
    answer does not arrive, and the client tries again.
    """

    def __init__(self) -> None:
        self.bucket = "memory"
        self.endpoint_url = "memory:"
        self.faults: list[str] = []
        self._objects: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        self._modified_at_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def ensure_bucket(self) -> None:
        """As the real one."""

    def _put(
        self, key: str, body: bytes, metadata: Mapping[str, str] | None, condition: Mapping[str, str]
    ) -> str | None:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "crash-before":
            raise ServiceDownError("minio", self.endpoint_url, fault)
        with self._lock:
            etag = self._write(key, body, metadata, condition)
        if fault == "crash-after":
            raise ServiceDownError("minio", self.endpoint_url, fault)
        with self._lock:
            return self._write(key, body, metadata, condition) if fault == "lost" else etag

    def _write(
        self, key: str, body: bytes, metadata: Mapping[str, str] | None, condition: Mapping[str, str]
    ) -> str | None:
        if condition.get("IfNoneMatch") and key in self._objects:
            return None
        if "IfMatch" in condition:
            if key not in self._objects:
                raise ServiceDownError("minio", self.endpoint_url, f"{key} does not exist")
            if self._etag(key) != condition["IfMatch"].strip('"'):
                return None
        self._objects[key] = (bytes(body), dict(metadata or {}))
        self._modified_at_s[key] = time.time()
        return self._etag(key)

    def _etag(self, key: str) -> str:
        return hashlib.md5(self._objects[key][0]).hexdigest()

    def head(self, key: str) -> StoredObject | None:
        """As the real one."""
        if key not in self._objects:
            return None
        body, metadata = self._objects[key]
        return StoredObject(key, self._etag(key), len(body), dict(metadata))

    def get(self, key: str) -> tuple[bytes, str] | None:
        """As the real one."""
        return (self._objects[key][0], self._etag(key)) if key in self._objects else None

    def get_tail(self, key: str, size: int) -> bytes:
        """As the real one."""
        if key not in self._objects:
            raise ChainError(f"{key} is not in bucket {self.bucket!r}")
        return self._objects[key][0][-size:]

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """As the real one."""
        for key in sorted(self._objects):
            if key.startswith(prefix) and key > after:
                yield StoredObject(key, self._etag(key), len(self._objects[key][0]), {}, self._modified_at_s[key])

    def list_folders(self, prefix: str) -> list[str]:
        """As the real one."""
        inside = (key[len(prefix) :] for key in self._objects if key.startswith(prefix))
        return sorted({name.split("/")[0] for name in inside if "/" in name})

    def delete(self, key: str) -> None:
        """As the real one."""
        self._objects.pop(key, None)
