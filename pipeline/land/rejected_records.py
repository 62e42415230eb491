"""The rejected records of a stream, as their objects hold them, without those that were landed again since."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.batch import (
    KEY,
    OFFSET,
    TIMESTAMP,
    LandedAgain,
    Lane,
    Manifest,
    Part,
    manifest_from_json,
    manifest_prefix,
)
from contract.errors import ChainError
from pipeline.land.again_chain import AgainChain
from pipeline.land.chain import Chain, listed_lanes
from pipeline.land.reject import HEADERS, Reject
from pipeline.land.reject_reasons import RejectReasons
from pipeline.object_store import ObjectStore
from pipeline.parquet_bytes import read_table
from pipeline.record_headers import UNREADABLE, Headers

# For the first reasons a person needs a few; a stream may have rejected for years.
_READ_FOR_REASONS = 16


@dataclass(frozen=True)
class RejectedPart:
    """A part that names rejects; ``batch`` is None while it is in none."""

    lane: int
    batch: int | None
    part: Part


@dataclass(frozen=True)
class RejectedStream:
    """The parts that name rejects, by lane and offset; ``landed_again`` in the order of its chain."""

    parts: Sequence[RejectedPart]
    landed_again: Sequence[LandedAgain]
    waiting: int
    """Rows that were landed again and are in no batch yet."""

    @property
    def rejected(self) -> int:
        """Records that are still rejected."""
        # While the stream is landed, what was landed again may be seen before the part that rejected it.
        rejected = sum(named.part.rejected for named in self.parts)
        return max(0, rejected - sum(again.rows for again in self.landed_again))


def rejected_stream(store: ObjectStore, stream: str) -> RejectedStream:
    """Return what was rejected of ``stream`` and what was landed again, from manifests and metadata alone.

    Raises
    ------
    ChainError: objects are missing, or not as landing writes them.
    """
    manifests = [_manifest(store, entry.key) for entry in store.list_objects(manifest_prefix(stream))]
    newest = manifests[-1] if manifests else None
    ends = {lane.lane: lane for lane in newest.lanes} if newest else {}
    lanes = {*ends, *listed_lanes(store, stream)}
    unsealed = {lane: _behind(store, stream, lane, ends.get(lane)) for lane in lanes}
    # Read last: whatever was landed again by then was rejected by a part that is in one of the lists above, or will be.
    landed_again = AgainChain(store, stream).objects_from(0)
    return rejected_of(manifests, unsealed, landed_again)


def rejected_of(
    manifests: Sequence[Manifest], unsealed: Mapping[int, Sequence[Part]], landed_again: Sequence[LandedAgain]
) -> RejectedStream:
    """Return what was rejected by the parts of ``manifests`` and by those ``unsealed``, by lane."""
    parts = [
        RejectedPart(lane.lane, manifest.batch, part)
        for manifest in manifests for lane in manifest.lanes for part in lane.parts if part.rejects
    ]  # fmt: skip
    parts += [RejectedPart(lane, None, part) for lane, behind in unsealed.items() for part in behind if part.rejects]
    listed = manifests[-1].next_again if manifests else 0
    return RejectedStream(
        sorted(parts, key=lambda named: (named.lane, named.part.first_offset)),
        landed_again,
        sum(again.rows for again in landed_again if again.sequence >= listed),
    )


def read_rejects(
    store: ObjectStore, chain: AgainChain, landed_again: Sequence[LandedAgain], named: RejectedPart
) -> pa.Table:
    """Return the records that the part's rejects object holds and that were not landed again, by offset.

    Columns: `_partition`, `_offset`, `_timestamp`, `_key`, `value`, `reason`, and in newer ones `headers`.

    Raises
    ------
    ChainError: the object is not there, or not as the part names it.
    """
    rejects = named.part.rejects
    assert rejects is not None  # noqa: S101 - only parts that name rejects come here
    found = store.get(rejects.key)
    if found is None or found[1] != rejects.etag:
        raise ChainError(
            f"{rejects.key}, which {named.part.key} names, is {'altered' if found else 'missing'}; restore it"
        )
    table = read_table(found[0])
    taken = chain.taken(landed_again, named.lane, named.part)
    return table.filter(pc.invert(pc.is_in(table[OFFSET], pa.array(taken)))) if len(taken) else table


def tables(
    store: ObjectStore, stream: str, rejected: RejectedStream, *, after: tuple[int, int] | None = None
) -> Iterator[tuple[RejectedPart, pa.Table]]:
    """Yield each part's records that are still rejected, those behind lane and offset ``after`` only."""
    chain = AgainChain(store, stream)
    for named in rejected.parts:
        if after is not None and (named.lane, named.part.next_offset - 1) <= after:
            continue
        table = read_rejects(store, chain, rejected.landed_again, named)
        if after is not None and named.lane == after[0]:
            table = table.filter(pa.array(np.asarray(table[OFFSET]) > after[1]))
        if table.num_rows:
            yield named, table


def rejects_in(table: pa.Table) -> Iterator[Reject]:
    """Yield the records of a rejects object's ``table``."""
    # As a number: a producer may write any timestamp, and Python's dates end with the year 9999.
    timestamps = table[TIMESTAMP].cast(pa.int64())
    columns = (table[OFFSET], timestamps, table[KEY], table["value"], table["reason"])
    for headers, (offset, timestamp, key, value, reason) in zip(
        headers_in(table), zip(*columns, strict=True), strict=True
    ):
        yield Reject(offset.as_py(), timestamp.as_py(), key.as_py(), value.as_py(), reason.as_py(), headers)


def headers_in(table: pa.Table) -> list[Headers]:
    """Return the headers of each record of a rejects object's ``table``; earlier landing kept none."""
    if HEADERS not in table.column_names:
        return [()] * table.num_rows
    return [
        UNREADABLE if kept is None else tuple((found["name"], found["value"]) for found in kept)
        for kept in table[HEADERS].to_pylist()
    ]


def newest_reasons(store: ObjectStore, stream: str, rejected: RejectedStream) -> RejectReasons:
    """Return why the newest records were rejected that still are, of ``_READ_FOR_REASONS`` objects at most."""
    newest = sorted(rejected.parts, key=lambda named: (named.batch is None, named.batch or 0))[-_READ_FOR_REASONS:]
    few = dataclasses.replace(rejected, parts=[named for named in rejected.parts if named in newest])
    reasons = RejectReasons()
    for named, table in tables(store, stream, few):
        reasons.count(named.lane, rejects_in(table))
    return reasons


def _manifest(store: ObjectStore, key: str) -> Manifest:
    found = store.get(key)
    if found is None:
        raise ChainError(f"{key} was listed and is gone")
    return manifest_from_json(found[0], key)


def _behind(store: ObjectStore, stream: str, lane: int, end: Lane | None) -> list[Part]:
    return Chain(store, stream, lane).parts_from(end.next_sequence if end else 0)
