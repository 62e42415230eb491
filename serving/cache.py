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

import orjson

from contract.errors import ConfigurationError
from contract.uri import without_credentials

logger = logging.getLogger(__name__)

_FORMAT: Final = 1
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

    def get(self, digest: str) -> bytes | None:
        """Return the content with this SHA-256, or None where it is missing or altered."""
        if _DIGEST.fullmatch(digest) is None:
            return None
        path = self._objects / digest
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(body).hexdigest() == digest:
            return body
        logger.warning("cached file altered path=%s", path)
        path.unlink(missing_ok=True)
        return None

    def write_registry(self, tracking_uri: str, facts: dict[str, Any]) -> None:
        """Store what is served now."""
        body = orjson.dumps({"format": _FORMAT, "tracking_uri": tracking_uri, "served": facts})
        _write(self._registry, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

    def read_registry(self, tracking_uri: str) -> dict[str, Any] | None:
        """Return what was served last from ``tracking_uri``; None where that is not known or is altered."""
        try:
            digest, _, body = self._registry.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if hashlib.sha256(body).hexdigest().encode() != digest:
            logger.warning("cached registry altered path=%s", self._registry)
            return None
        clean = without_credentials(body.decode()).encode()
        fields = orjson.loads(clean)
        if clean != body:
            # Older servers kept the tracking server's URI as it was given.
            self.write_registry(fields["tracking_uri"], fields["served"])
        if fields["format"] != _FORMAT or fields["tracking_uri"] != tracking_uri:
            logger.info("cached registry of another server or format tracking_uri=%s", fields["tracking_uri"])
            return None
        served: dict[str, Any] = fields["served"]
        return served


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
