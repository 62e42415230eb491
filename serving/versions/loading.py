"""Brings one version's numbers here, checks them against what Spark said, and keeps checked copies."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from contract.decoding import too_large
from contract.errors import ModelArtifactError, ServiceUnwellError
from contract.version_facts import FACTS, FACTS_FILE, facts_from_json
from serving.budget import Budget
from serving.kinds.kind import ArtifactFile, ArtifactFiles, Kind
from serving.versions.artifacts import Artifacts
from serving.versions.cache import LocalCache, Mapped
from serving.versions.catalogue import Numbers
from serving.versions.registry import Location

logger = logging.getLogger(__name__)

DIRECTORY: Final = "swathe"
# Of any kind; versions of before there was this have none.
_COMMON: Final = (ArtifactFile(FACTS_FILE, FACTS.most_bytes, is_optional=True),)
# Memory is that of one decoded artifact, however many are on their way; side by side would not be quicker.
_READING: Final = threading.RLock()
# Of the files as they are fetched, of all artifacts together: a largest one is on its way alone.
_FETCHED: Final = Budget(192 * 2**20)


def fetch(artifacts: Artifacts, location: Location, cache: LocalCache, kind: Kind) -> Numbers:
    """Return the numbers of the artifact at ``location``; its files are in ``cache`` afterwards.

    Raises
    ------
    ModelArtifactError: a file is missing, is not what it should be, or disagrees with the golden file.
    ServiceDownError, UnreadableAnswerError: whoever has it does not answer, or not with the artifact; or there is no
        place to keep a file that is mapped.
    """
    there = artifacts.file_sizes(location, DIRECTORY)
    files = _files(kind)
    missing = [file.name for file in files if not file.is_optional and file.name not in there]
    if missing:
        raise ModelArtifactError(f"the artifact has no file {', '.join(missing)}")
    wanted = [file for file in files if file.name in there]
    for file in wanted:
        size = there[file.name] or 0
        if size > file.most_bytes:
            raise ModelArtifactError(f"{file.name}: {too_large(size, file.most_bytes)}")
    mapped = _kept(artifacts, location, cache, {file: there[file.name] for file in wanted if file.is_mapped})
    wanted = [file for file in wanted if not file.is_mapped]
    # A size that the server does not tell may be all that it may be.
    most = (file.most_bytes if there[file.name] is None else there[file.name] or 0 for file in wanted)
    with _FETCHED.holding(sum(most)):
        bodies = {file.name: artifacts.download(location, file.name, file.most_bytes) for file in wanted}
        numbers = read(bodies, kind, mapped)
        try:
            for body in bodies.values():
                cache.put(body)
        except OSError as error:
            # A full disk costs a restart without the registry, never an answer.
            logger.warning("artifact not cached directory=%s error=%s", cache.directory, error)
    return numbers


def restore(digests: Mapping[str, str], cache: LocalCache, kind: Kind) -> Numbers | None:
    """Return the numbers whose files ``cache`` has under ``digests``; None where it has not all of them.

    Raises
    ------
    ModelArtifactError: as :func:`fetch`.
    """
    bodies: dict[str, bytes] = {}
    mapped: dict[str, Mapped] = {}
    with _READING:
        for file in _files(kind):
            if file.is_optional and file.name not in digests:
                continue
            digest = digests.get(file.name, "")
            body = None if file.is_mapped else cache.get(digest, file.most_bytes)
            path = cache.path(digest, file.most_bytes) if file.is_mapped else None
            if body is not None:
                bodies[file.name] = body
            elif path is not None:
                mapped[file.name] = Mapped(digest, path)
            else:
                return None
        return read(bodies, kind, mapped)


def read(bodies: Mapping[str, bytes], kind: Kind, mapped: Mapping[str, Mapped] | None = None) -> Numbers:
    """Return the numbers in an artifact's files, by name. Whatever is derived from them later can be derived.

    Raises
    ------
    ModelArtifactError: as :func:`fetch`.
    """
    mapped = mapped or {}
    with _READING:
        served = kind.load(ArtifactFiles(bodies, {name: file.path for name, file in mapped.items()}))
        digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
        facts = facts_from_json(bodies[FACTS_FILE], FACTS_FILE) if FACTS_FILE in bodies else None
        return Numbers(kind, served, digests | {name: file.digest for name, file in mapped.items()}, facts)


def _kept(
    artifacts: Artifacts, location: Location, cache: LocalCache, files: Mapping[ArtifactFile, int | None]
) -> dict[str, Mapped]:
    """Return copies of ``files``, which have the sizes told, from ``cache``; they go there as they come."""
    kept = {}
    for file, size in files.items():
        try:
            with closing(artifacts.chunks(location, file.name, file.most_bytes, size or 0)) as chunks:
                kept[file.name] = cache.put_chunks(chunks)
        except OSError as error:
            reason = f"{file.name} cannot be kept: {error.strerror}"
            raise ServiceUnwellError("serving", str(cache.directory), reason, "Make room there") from error
    return kept


def _files(kind: Kind) -> tuple[ArtifactFile, ...]:
    return (*kind.files, *_COMMON)
