"""Checked local copies: files by the hash of their content, and the last picture of the registry.

    objects/<sha256>   immutable; read back only if the hash still holds
    registry.json      what was served last, and from which tracking server

Everything is written beside its place and renamed into it, so a kill leaves either the old or the new.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from io import BufferedWriter
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import orjson

from contract.decoding import too_large
from contract.errors import ConfigurationError
from serving.versions.picture import FORMAT, REGISTRY, Kept, clean

logger = logging.getLogger(__name__)

T = TypeVar("T")

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Mapped(NamedTuple):
    """A checked copy of a file that is mapped: its SHA-256, and where it is."""

    digest: str
    path: Path


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

    def put_chunks(self, chunks: Iterable[bytes]) -> Mapped:
        """Store what ``chunks`` are together, which need not fit into memory."""
        hashed = hashlib.sha256()
        with _replacing(self._objects) as (file, rename):
            for chunk in chunks:
                file.write(chunk)
                hashed.update(chunk)
            digest = hashed.hexdigest()
            # What is there may be altered, and whoever has mapped it keeps it.
            rename(path := self._objects / digest)
        return Mapped(digest, path)

    def get(self, digest: str, most_bytes: int) -> bytes | None:
        """Return the content with this SHA-256, or None where it is missing, altered or longer than ``most_bytes``."""
        return self._checked(digest, most_bytes, _content)

    def path(self, digest: str, most_bytes: int) -> Path | None:
        """Return the path of the content with this SHA-256, where :meth:`get` would return it."""
        return self._checked(digest, most_bytes, _place)

    def _checked(self, digest: str, most_bytes: int, read: Callable[[Path], tuple[T, str]]) -> T | None:
        if _DIGEST.fullmatch(digest) is None:
            return None
        path = self._objects / digest
        try:
            _check_size(path, most_bytes)
            found, its_digest = read(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("cached file not read path=%s error=%s", path, error)
            return None
        if its_digest == digest:
            return found
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
    _check_size(path, most_bytes)
    return path.read_bytes()


def _check_size(path: Path, most_bytes: int) -> None:
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(too_large(size, most_bytes))


def _content(path: Path) -> tuple[bytes, str]:
    body = path.read_bytes()
    return body, hashlib.sha256(body).hexdigest()


def _place(path: Path) -> tuple[Path, str]:
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, body: bytes) -> None:
    with _replacing(path.parent) as (file, rename):
        file.write(body)
        rename(path)


@contextlib.contextmanager
def _replacing(directory: Path) -> Iterator[tuple[BufferedWriter, Callable[[Path], None]]]:
    """Yield a new file in ``directory``, and what gives it its place there; without that it is gone afterwards."""
    handle, name = tempfile.mkstemp(dir=directory, prefix=".new-")

    def rename(path: Path) -> None:
        file.flush()
        os.fsync(file.fileno())
        Path(name).replace(path)

    try:
        with os.fdopen(handle, "wb") as file:
            yield file, rename
    finally:
        Path(name).unlink(missing_ok=True)
