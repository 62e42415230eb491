"""The chain of rejects that were landed again: one per stream, whichever lanes they are of.

The conditional PUT of the next key is the commit, as it is for a part. Whoever puts object n has read 0 … n−1, and
takes no offset that these hold; so an offset is landed again once.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence

import numpy as np

from contract.batch import OFFSET, LandedAgain, Part, again_key, again_prefix
from contract.errors import ChainError
from pipeline.fault import fault_point
from pipeline.land.chain import Writer
from pipeline.land.open_part import OpenPart
from pipeline.land.origins import Longs
from pipeline.object_store import ObjectStore, StoredObject
from pipeline.parquet_bytes import read_table

logger = logging.getLogger(__name__)


class OvertakenError(Exception):
    """Somebody else landed rejects again meanwhile; what they took is to be looked at first."""


class AgainChain:
    """What was landed again of one stream."""

    def __init__(self, store: ObjectStore, stream: str) -> None:
        self._store = store
        self._stream = stream
        self._offsets: dict[int, Longs] = {}
        """By sequence; the objects never change."""

    def objects_from(self, sequence: int) -> list[LandedAgain]:
        """Return what was landed again from ``sequence`` on, checked to be without a gap."""
        before = again_key(self._stream, sequence - 1) if sequence else ""
        found = [self._read(entry.key) for entry in self._store.list_objects(again_prefix(self._stream), after=before)]
        for expected, again in enumerate(found, start=sequence):
            if again.sequence != expected or again.key != again_key(self._stream, expected):
                raise ChainError(
                    f"{again_key(self._stream, expected)} is missing though {again.key} exists; restore it: "
                    f"it holds rejects that were landed again"
                )
        return found

    def commit(self, rows: OpenPart, sequence: int, offsets: Longs, writer: Writer) -> LandedAgain:
        """Land ``rows``, whose ``offsets`` were rejects, as object ``sequence``.

        Raises
        ------
        OvertakenError: somebody else landed another object under this sequence.
        """
        facts = _facts(rows, sequence, offsets, writer)
        key, body = again_key(self._stream, sequence), bytes(rows.close(dict(facts)))
        fault_point("before-again")
        etag = self._store.put_if_absent(key, body, facts)
        fault_point("after-again")
        if etag is None:
            again = self._store.head(key)
            if again is None:
                raise ChainError(f"{key} was refused as present, and is absent; the object store contradicts itself")
            if again.metadata.get("attempt") != facts["attempt"]:
                raise OvertakenError(key)
            return again_of(again)
        return again_of(StoredObject(key, etag, len(body), facts))

    def taken(self, landed: Sequence[LandedAgain], lane: int, part: Part) -> Longs:
        """Return the offsets of ``part``, of ``lane``, that ``landed`` holds, in order."""
        near = [
            again for again in landed
            if again.lane == lane and again.first_offset < part.next_offset and again.next_offset > part.first_offset
        ]  # fmt: skip
        if not near:
            return np.empty(0, dtype=np.int64)
        offsets = np.sort(np.concatenate([self.offsets(again) for again in near]))
        inside: Longs = offsets[(offsets >= part.first_offset) & (offsets < part.next_offset)]
        return inside

    def offsets(self, again: LandedAgain) -> Longs:
        """Return the offsets of the rows of ``again``, in order."""
        if again.sequence not in self._offsets:
            found = self._store.get(again.key)
            if found is None:
                raise ChainError(f"{again.key} was listed and is gone; what was landed again must never be deleted")
            self._offsets[again.sequence] = read_table(found[0], [OFFSET])[OFFSET].to_numpy()
        return self._offsets[again.sequence]

    def _read(self, key: str) -> LandedAgain:
        found = self._store.head(key)
        if found is None:
            raise ChainError(f"{key} was listed and is gone; what was landed again must never be deleted")
        return again_of(found)


def _facts(rows: OpenPart, sequence: int, offsets: Longs, writer: Writer) -> dict[str, str]:
    facts = {
        "sequence": sequence,
        "lane": rows.lane,
        "first_offset": int(offsets[0]),
        "next_offset": int(offsets[-1]) + 1,
        "rows": rows.rows,
        "value_bytes": rows.value_bytes,
        "min_timestamp_ms": rows.min_timestamp_ms,
        "max_timestamp_ms": rows.max_timestamp_ms,
        "topic_id": writer.topic_id,
        "writer": writer.name,
        "attempt": secrets.token_hex(8),
    }
    return {name: str(value) for name, value in facts.items()}


def again_of(found: StoredObject) -> LandedAgain:
    """Return what was landed again in the object ``found``, from its metadata.

    Raises
    ------
    ChainError: not an object that `rejects --land-again` wrote.
    """
    facts: Mapping[str, str] = found.metadata
    try:
        return LandedAgain(
            key=found.key,
            etag=found.etag,
            bytes=found.bytes,
            lane=int(facts["lane"]),
            sequence=int(facts["sequence"]),
            first_offset=int(facts["first_offset"]),
            next_offset=int(facts["next_offset"]),
            rows=int(facts["rows"]),
            value_bytes=int(facts["value_bytes"]),
            min_timestamp_ms=int(facts["min_timestamp_ms"]),
            max_timestamp_ms=int(facts["max_timestamp_ms"]),
            topic_id=facts["topic_id"],
            writer=facts["writer"],
        )
    except (KeyError, ValueError) as error:
        raise ChainError(f"{found.key} is not what Swathe landed again: {error!r} in its metadata") from error
