"""A lane's chain of parts in the object store: where it ends, and how the next part is committed.

The conditional PUT of a part's key is the commit. Who loses reads where the winner's part ends and goes on
from there; who finds its own attempt under the key only lost the answer, and has won.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from contract.batch import (
    SKIPPED,
    SOURCES,
    SOURCES_NOTED,
    CutReason,
    Part,
    Rejects,
    lane_prefix,
    part_key,
    rejects_key,
    sources_from_metadata,
)
from contract.errors import ChainError
from pipeline.fault import fault_point
from pipeline.land.lane_clock import LaneClock
from pipeline.land.open_part import OpenPart
from pipeline.land.reject import encode_rejects
from pipeline.object_store import ObjectStore, StoredObject

logger = logging.getLogger(__name__)


class OutrunError(Exception):
    """Another writer landed this part first; ``winner`` says where the lane goes on."""

    def __init__(self, winner: Part) -> None:
        self.winner = winner
        super().__init__(f"{winner.key} was landed by {winner.writer}")


@dataclass(frozen=True)
class Writer:
    """Who lands: named in every object, so that each can be followed back."""

    name: str
    topic_id: str


class Chain:
    """The chain of one lane of a stream."""

    def __init__(self, store: ObjectStore, stream: str, lane: int) -> None:
        self._store = store
        self._stream = stream
        self._lane = lane

    def parts_from(self, sequence: int) -> list[Part]:
        """Return the landed parts from ``sequence`` on, checked to be one unbroken chain."""
        before = part_key(self._stream, self._lane, sequence - 1) if sequence else ""
        keys = [found.key for found in self._store.list_objects(lane_prefix(self._stream, self._lane), after=before)]
        parts = [self._read(key) for key in keys]
        for expected, part in enumerate(parts, start=sequence):
            if part.sequence != expected:
                raise ChainError(
                    f"part {part_key(self._stream, self._lane, expected)} is missing though {part.key} exists; "
                    f"restore it, or land the topic again under another stream name"
                )
        for earlier, later in itertools.pairwise(parts):
            if later.first_offset != earlier.next_offset:
                raise ChainError(
                    f"{later.key} begins at offset {later.first_offset}, but {earlier.key} ends at "
                    f"{earlier.next_offset}: the chain is broken"
                )
        return parts

    def clock_at(self, sequence: int) -> LaneClock:
        """Return the lane's clock where part ``sequence`` begins."""
        for before in range(sequence - 1, -1, -1):
            key = part_key(self._stream, self._lane, before)
            found = self._store.head(key)
            if found is None:
                raise ChainError(f"{key} is gone; landed parts must never be deleted")
            if (clock := _clock(found.metadata)) is not None:
                return clock
        return LaneClock()

    def commit(self, part: OpenPart, cut: CutReason, writer: Writer) -> Part:
        """Land ``part``; its rejects go first, so that no part names rejects that are not there.

        Raises
        ------
        OutrunError: another writer landed a part under this sequence.
        """
        attempt = f"{part.sequence:08d}-{secrets.token_hex(8)}"
        rejects = self._put_rejects(part, attempt)
        facts = _facts(part, cut, writer, rejects, attempt)
        body = part.close({**facts, "gaps": part.gaps, SKIPPED: part.skipped, SOURCES: list(part.sources.values())})
        key = part_key(self._stream, self._lane, part.sequence)
        fault_point("before-part")
        etag = self._store.put_if_absent(key, bytes(body), facts)
        fault_point("after-part")
        if etag is None:
            landed = self._store.head(key)
            if landed is None:
                raise ChainError(f"{key} was refused as present, and is absent; the object store contradicts itself")
            if landed.metadata.get("attempt") != attempt:
                raise OutrunError(part_of(landed))
            logger.info("own part recognised; key=%s", key)
            return part_of(landed)
        return part_of(StoredObject(key, etag, len(body), facts))

    def _put_rejects(self, part: OpenPart, attempt: str) -> Rejects | None:
        if not part.rejects:
            return None
        key = rejects_key(self._stream, self._lane, attempt)
        etag = self._store.put(key, encode_rejects(self._lane, part.rejects))
        fault_point("after-rejects")
        return Rejects(key, etag, len(part.rejects))

    def _read(self, key: str) -> Part:
        found = self._store.head(key)
        if found is None:
            raise ChainError(f"{key} was listed and is gone; landed parts must never be deleted")
        return part_of(found)


def _facts(part: OpenPart, cut: CutReason, writer: Writer, rejects: Rejects | None, attempt: str) -> dict[str, str]:
    facts: dict[str, object] = {
        "sequence": part.sequence,
        "first_offset": part.first_offset,
        "next_offset": part.next_offset,
        "rows": part.rows,
        "value_bytes": part.value_bytes,
        "gap_records": sum(end - start for start, end in part.gaps),
        "skipped_records": part.skipped_records or None,
        "deletes": part.deletes or None,
        "min_timestamp_ms": part.min_timestamp_ms,
        "max_timestamp_ms": part.max_timestamp_ms,
        "window": part.window,
        "late_rows": part.late_rows,
        "early_rows": part.early_rows,
        "clock_ms": part.clock.time_ms,
        "ahead_ms": ",".join(map(str, part.clock.ahead_ms)) or None,
        "cut": cut,
        "topic_id": writer.topic_id,
        "writer": writer.name,
        "attempt": attempt,
        "sources": ",".join(list(part.sources.values())[-SOURCES_NOTED:]) or None,
        "sources_seen": len(part.sources),
    }
    if rejects:
        facts |= {f"rejects_{name}": value for name, value in dataclasses.asdict(rejects).items()}
    # S3 metadata is text; what is absent is left out.
    return {name: str(value) for name, value in facts.items() if value is not None}


def listed_lanes(store: ObjectStore, stream: str) -> set[int]:
    """Return the lanes that have landed a part; a partition that was added later is in no other object at first."""
    folders = store.list_folders(f"{stream}/")
    return {int(name.removeprefix("lane=")) for name in folders if name.removeprefix("lane=").isdigit()}


def parts_listed(store: ObjectStore, stream: str) -> int:
    """Return how many parts of all lanes there are; none of them is read."""
    return sum(1 for lane in listed_lanes(store, stream) for _ in store.list_objects(lane_prefix(stream, lane)))


def part_of(found: StoredObject) -> Part:
    """Return the part whose object is ``found``, from its metadata.

    Raises
    ------
    ChainError: not an object that landing wrote.
    """
    facts: Mapping[str, str] = found.metadata
    try:
        rejects = (
            Rejects(facts["rejects_key"], facts["rejects_etag"], int(facts["rejects_rows"]))
            if "rejects_key" in facts
            else None
        )
        sources, sources_seen = sources_from_metadata(facts)
        return Part(
            key=found.key,
            etag=found.etag,
            bytes=found.bytes,
            sequence=int(facts["sequence"]),
            first_offset=int(facts["first_offset"]),
            next_offset=int(facts["next_offset"]),
            rows=int(facts["rows"]),
            value_bytes=int(facts["value_bytes"]),
            gap_records=int(facts["gap_records"]),
            rejects=rejects,
            min_timestamp_ms=_optional(facts, "min_timestamp_ms"),
            max_timestamp_ms=_optional(facts, "max_timestamp_ms"),
            window=_optional(facts, "window"),
            late_rows=int(facts["late_rows"]),
            early_rows=int(facts.get("early_rows", 0)),
            cut=facts["cut"],  # type: ignore[arg-type]
            topic_id=facts["topic_id"],
            writer=facts["writer"],
            sources=sources,
            sources_seen=sources_seen,
            skipped=int(facts.get("skipped_records", 0)),
            deletes=int(facts.get("deletes", 0)),
        )
    except (KeyError, ValueError) as error:
        raise ChainError(f"{found.key} is not a part that Swathe landed: {error!r} in its metadata") from error


def _clock(facts: Mapping[str, str]) -> LaneClock | None:
    """Return the clock behind a part; one that was landed before there was a clock believed every record.

    Where rows landed without windows, nothing tells which timestamps are wrong: the clock begins anew.
    """
    if "window" not in facts and int(facts.get("rows", 0)):
        return LaneClock()
    if "clock_ms" in facts:
        return LaneClock(int(facts["clock_ms"]), tuple(map(int, filter(None, facts.get("ahead_ms", "").split(",")))))
    latest = _optional(facts, "max_timestamp_ms")
    return None if latest is None else LaneClock(latest)


def _optional(facts: Mapping[str, str], name: str) -> int | None:
    return int(facts[name]) if name in facts else None
