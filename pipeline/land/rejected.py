"""The rejected records of a stream, as their objects hold them, without those that were landed again since."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.batch import OFFSET, LandedAgain, Lane, Manifest, Part, manifest_from_json, manifest_prefix
from contract.errors import ChainError
from pipeline.land.again import AgainChain
from pipeline.land.chain import Chain
from pipeline.land.start import ChainStart
from pipeline.object_store import ObjectStore


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
        return sum(named.part.rejected for named in self.parts) - sum(again.rows for again in self.landed_again)


def rejected_stream(store: ObjectStore, stream: str, start: ChainStart) -> RejectedStream:
    """Return what was rejected of ``stream`` and what was landed again, from manifests and metadata alone.

    Raises
    ------
    ChainError: objects are missing, or not as landing writes them.
    """
    manifests = [_manifest(store, entry.key) for entry in store.list_objects(manifest_prefix(stream))]
    newest = manifests[-1] if manifests else None
    ends = {lane.lane: lane for lane in newest.lanes} if newest else {}
    unsealed = {lane: _behind(store, stream, lane, ends.get(lane)) for lane in {*start.starts, *ends}}
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

    Columns: `_partition`, `_offset`, `_timestamp`, `_key`, `value`, `reason`.

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
    table = pq.read_table(io.BytesIO(found[0]))
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


def _manifest(store: ObjectStore, key: str) -> Manifest:
    found = store.get(key)
    if found is None:
        raise ChainError(f"{key} was listed and is gone")
    return manifest_from_json(found[0], key)


def _behind(store: ObjectStore, stream: str, lane: int, end: Lane | None) -> list[Part]:
    return Chain(store, stream, lane).parts_from(end.next_sequence if end else 0)
