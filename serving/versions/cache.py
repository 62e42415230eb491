"""Checked local copies: files by the hash of their content, and the last picture of the registry.

    objects/<sha256>   immutable; read back only if the hash still holds
    registry.json      what was served last, and from which tracking server

Everything is written beside its place and renamed into it, so a kill leaves either the old or the new.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from contract.decoding import too_large
from contract.errors import ConfigurationError
from serving.versions.picture import FORMAT, REGISTRY, Kept, clean

logger = logging.getLogger(__name__)

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class LocalCache:
    """The directory of checked copies. One process writes; any number may read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._objects = directory / "objects"
        self._registry = directory / "registry.json"

    def prepare(self) -> None:
        """Create the directory.

        Raises
        ------
        ConfigurationError: it cannot be written to.
        """
        try:
            self._objects.mkdir(parents=True, exist_ok=True)
            for left in [*self.directory.glob(".new-*"), *self._objects.glob(".new-*")]:
                left.unlink(missing_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._objects, prefix=".new-"):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"SWATHE_SERVING_CACHE={self.directory} cannot be written to: {error.strerror}"
            ) from error

    def put(self, body: bytes) -> str:
        """Store ``body`` and return its SHA-256."""
        digest = hashlib.sha256(body).hexdigest()
        path = self._objects / digest
        if not path.exists():
            _write(path, body)
        return digest

    def get(self, digest: str, most_bytes: int) -> bytes | None:
        """Return the content with this SHA-256, or None where it is missing, altered or longer than ``most_bytes``."""
        if _DIGEST.fullmatch(digest) is None:
            return None
        path = self._objects / digest
        try:
            body = _read(path, most_bytes)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("cached file not read path=%s error=%s", path, error)
            return None
        if hashlib.sha256(body).hexdigest() == digest:
            return body
        logger.warning("cached file altered path=%s", path)
        path.unlink(missing_ok=True)
        return None

    def write_registry(self, tracking_uri: str, facts: dict[str, Any]) -> None:
        """Store what is served now."""
        body = orjson.dumps({"format": FORMAT, "tracking_uri": tracking_uri, "served": facts})
        _write(self._registry, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

    def read_registry(self, tracking_uri: str) -> Kept | None:
        """Return what was served last from ``tracking_uri``; None where that is not known or is altered."""
        try:
            digest, _, body = _read(self._registry, REGISTRY.most_bytes).partition(b"\n")
            if hashlib.sha256(body).hexdigest().encode() != digest:
                raise ValueError("its hash is another one")
            kept = REGISTRY.decode(body)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("cached registry altered path=%s error=%s", self._registry, error)
            return None
        found = clean(kept)
        if found != kept:
            # Older servers kept the tracking server's URI as it was given.
            self.write_registry(found.tracking_uri, msgspec.to_builtins(found.served))
        if found.format != FORMAT or found.tracking_uri != tracking_uri:
            logger.info("cached registry of another server or format tracking_uri=%s", found.tracking_uri)
            return None
        return found.served


def _read(path: Path, most_bytes: int) -> bytes:
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(too_large(size, most_bytes))
    return path.read_bytes()


def _write(path: Path, body: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
