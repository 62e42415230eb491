"""The sealed batches of a stream, as the object store holds them. Training reads manifests only."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from contract.batch import LandedAgain, Manifest, Part, manifest_from_json, manifest_key, manifest_prefix
from contract.errors import ChainError
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)

_THREADS = 8


@dataclass(frozen=True)
class SealedBatch:
    """A manifest and the very bytes it was sealed with."""

    manifest: Manifest
    body: bytes

    @property
    def number(self) -> int:
        """The batch's number, from 1."""
        return self.manifest.batch

    @property
    def filled(self) -> list[str]:
        """Keys of its objects that have rows."""
        return [held.key for held in self.manifest.objects if held.rows]


def sealed_batches(store: ObjectStore, stream: str, *, known: tuple[SealedBatch, ...] = ()) -> tuple[SealedBatch, ...]:
    """Return the stream's batches 1..n in order; those in ``known`` are not read again.

    Raises
    ------
    ChainError: a manifest is missing between two others, or is not a manifest.
    """
    after = manifest_key(stream, len(known)) if known else ""
    keys = [entry.key for entry in store.list_objects(manifest_prefix(stream), after=after)]
    for number, key in enumerate(keys, start=len(known) + 1):
        if key != manifest_key(stream, number):
            raise ChainError(
                f"batch {number} of stream {stream!r} has no manifest, but {key} is there; "
                f"restore {manifest_key(stream, number)} in bucket {store.bucket!r}"
            )
    with ThreadPoolExecutor(_THREADS) as pool:
        return (*known, *pool.map(lambda key: _read(store, key), keys))


def _read(store: ObjectStore, key: str) -> SealedBatch:
    found = store.get(key)
    if found is None:
        raise ChainError(f"{key} was listed in bucket {store.bucket!r}, but is gone")
    return SealedBatch(manifest_from_json(found[0], key), found[0])


def check_parts(store: ObjectStore, batches: tuple[SealedBatch, ...]) -> None:
    """Check that every object that ``batches`` name is there, unaltered.

    Raises
    ------
    ChainError: names the batch and the object.
    """
    parts = [(batch.number, part) for batch in batches for part in batch.manifest.objects]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda pair: _check_part(store, *pair), parts))


def _check_part(store: ObjectStore, batch: int, part: Part | LandedAgain) -> None:
    found = store.head(part.key)
    if found is None:
        raise ChainError(
            f"batch {batch} names {part.key}, which is not in bucket {store.bucket!r}; restore that object"
        )
    if (found.etag, found.bytes) != (part.etag, part.bytes):
        raise ChainError(
            f"batch {batch} names {part.key} with ETag {part.etag} and {part.bytes} bytes, but bucket "
            f"{store.bucket!r} holds ETag {found.etag} and {found.bytes} bytes; restore the object that was landed"
        )
