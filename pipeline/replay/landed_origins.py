"""What landing knows of records that the topic no longer holds: the last header of each file, kept in its parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from contract.batch import (
    FOOTER_KEY,
    SOURCES,
    Manifest,
    Part,
    chain_key,
    lane_prefix,
    manifest_from_json,
    manifest_prefix,
    part_key,
    sources_from_metadata,
)
from contract.errors import ChainError, StopError
from contract.origin import Origin, origin_of
from pipeline.footer import read_footer
from pipeline.object_store import ObjectStore


@dataclass(frozen=True)
class _LandedPart:
    key: str
    first_offset: int
    records: int
    sources: tuple[str, ...]
    sources_seen: int | None


def landed_origins(
    store: ObjectStore, stream: str, topic_id: str, lows: Mapping[int, int]
) -> dict[int, dict[str, Origin]]:
    """Return, per partition of ``lows``, the last record of each file among what landed before offset ``lows[p]``.

    Nothing is known of what never landed, or landed from another topic.

    Raises
    ------
    StopError: a part of an earlier version, which did not note files, holds rows that the topic no longer has.
    """
    if not _is_chain_of(store, stream, topic_id):
        return {}
    found: dict[int, dict[str, Origin]] = {partition: {} for partition in lows}
    ends: dict[int, int] = {}
    for manifest in _manifests(store, stream):
        for lane in manifest.lanes:
            ends[lane.lane] = lane.next_sequence
            if lane.lane in lows:
                sealed = (_sealed(store, manifest, part) for part in lane.parts)
                _note(store, sealed, lows[lane.lane], found[lane.lane])
    for partition in lows:
        unsealed = _unsealed(store, stream, partition, ends.get(partition, 0))
        _note(store, unsealed, lows[partition], found[partition])
    return found


def _is_chain_of(store: ObjectStore, stream: str, topic_id: str) -> bool:
    begun = store.get(chain_key(stream))
    if begun is None:
        return False
    try:
        return bool(json.loads(begun[0])["topic_id"] == topic_id)
    except (ValueError, KeyError, TypeError) as error:
        raise ChainError(f"{chain_key(stream)} is not a chain start that Swathe wrote: {error!r}") from error


def _manifests(store: ObjectStore, stream: str) -> Iterator[Manifest]:
    for entry in store.list_objects(manifest_prefix(stream)):
        body = store.get(entry.key)
        yield manifest_from_json(body[0] if body else b"", entry.key)


def _sealed(store: ObjectStore, manifest: Manifest, part: Part) -> _LandedPart:
    sources = part.sources, part.sources_seen
    if manifest.format == 1:
        # It was sealed by an earlier version, which does not mean that it was landed by one.
        found = store.head(part.key)
        sources = sources_from_metadata(found.metadata if found else {})
    return _LandedPart(part.key, part.first_offset, part.rows + part.rejected, *sources)


def _unsealed(store: ObjectStore, stream: str, partition: int, sequence: int) -> Iterator[_LandedPart]:
    """Yield the partition's parts that are in no batch yet."""
    before = part_key(stream, partition, sequence - 1) if sequence else ""
    for entry in store.list_objects(lane_prefix(stream, partition), after=before):
        found = store.head(entry.key)
        try:
            facts = found.metadata if found else {}
            records = int(facts["rows"]) + int(facts.get("rejects_rows", 0))
            yield _LandedPart(entry.key, int(facts["first_offset"]), records, *sources_from_metadata(facts))
        except (KeyError, ValueError) as error:
            raise ChainError(f"{entry.key} is not a part that Swathe landed: {error!r} in its metadata") from error


def _note(store: ObjectStore, parts: Iterable[_LandedPart], low: int, found: dict[str, Origin]) -> None:
    """Note the last records of the files in ``parts``, in order, as far as the topic has lost some of their offsets."""
    for part in parts:
        if part.first_offset >= low:
            return
        if part.sources_seen is None and part.records:
            raise StopError(
                f"{part.key} holds records that the topic no longer has, landed by a version of Swathe that did not "
                f"note from which files they came: whether rows of this file are among them is not known. "
                f"`--again` sends the whole file, beside what other partitions hold of it"
            )
        headers = part.sources if part.sources_seen == len(part.sources) else _all_sources(store, part.key)
        for origin in filter(None, (origin_of(header.encode()) for header in headers)):
            found[origin.source] = origin


def _all_sources(store: ObjectStore, key: str) -> list[str]:
    try:
        return [str(header) for header in json.loads(read_footer(store, key).metadata[FOOTER_KEY])[SOURCES]]
    except (ValueError, KeyError, TypeError) as error:
        raise ChainError(f"{key} does not say from which files its records came: {error!r}") from error
