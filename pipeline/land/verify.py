"""Proves from the objects alone that every offset is in exactly one part of one batch, a reject, or a gap."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contract.batch import (
    FOOTER_KEY,
    OFFSET,
    PARTITION,
    Lane,
    Manifest,
    Part,
    manifest_from_json,
    manifest_key,
    manifest_prefix,
)
from contract.errors import ChainError
from pipeline.land.chain import Chain, part_of
from pipeline.land.origins import Longs
from pipeline.land.start import ChainStart, read_start
from pipeline.object_store import ObjectStore


@dataclass
class LaneProof:
    """What was found in one lane; offsets ``first_offset`` ≤ o < ``next_offset`` are accounted for."""

    lane: int
    first_offset: int
    next_offset: int
    parts: int = 0
    rows: int = 0
    rejected: int = 0
    gap_records: int = 0
    unsealed_rows: int = 0
    low_watermark: int | None = None
    high_watermark: int | None = None


@dataclass
class BatchProof:
    """What was found of one batch."""

    batch: int
    rows: int
    rejected: int
    gap_records: int
    offsets: Mapping[int, tuple[int, int]]
    cut: str


@dataclass
class Proof:
    """The result: it holds if ``problems`` is empty."""

    stream: str
    batches: list[BatchProof] = field(default_factory=list)
    lanes: dict[int, LaneProof] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def verify_stream(store: ObjectStore, stream: str) -> Proof:
    """Check every object of ``stream``, and that together they cover each offset once."""
    proof = Proof(stream)
    start = read_start(store, stream)
    if start is None:
        proof.problems.append(f"stream {stream!r} has landed nothing: there is no _chain.json")
        return proof
    ends: dict[int, Lane] = {}
    for manifest in _manifests(store, stream, proof):
        _check_manifest(store, manifest, start, ends, proof)
        ends |= {lane.lane: lane for lane in manifest.lanes}
    for lane in sorted({*start.starts, *ends, *_listed_lanes(store, stream)}):
        _check_tail(store, stream, lane, start=start, end=ends.get(lane), proof=proof)
    return proof


def _manifests(store: ObjectStore, stream: str, proof: Proof) -> Iterator[Manifest]:
    for batch, found in enumerate(store.list_objects(manifest_prefix(stream)), start=1):
        if found.key != manifest_key(stream, batch):
            proof.problems.append(f"{manifest_key(stream, batch)} is missing though {found.key} exists")
            return
        body = store.get(found.key)
        try:
            yield manifest_from_json(body[0] if body else b"", found.key)
        except ChainError as error:
            proof.problems.append(str(error))
            return


def _check_manifest(
    store: ObjectStore, manifest: Manifest, start: ChainStart, ends: Mapping[int, Lane], proof: Proof
) -> None:
    key = manifest_key(manifest.stream, manifest.batch)
    if manifest.topic_id != start.topic_id:
        proof.problems.append(f"{key} is of topic id {manifest.topic_id}, the stream of {start.topic_id}")
    for lane in manifest.lanes:
        before = ends.get(lane.lane)
        expected = (before.next_offset, before.next_sequence) if before else (start.offset(lane.lane), 0)
        if (lane.first_offset, lane.next_sequence - len(lane.parts)) != expected:
            proof.problems.append(
                f"{key} lane {lane.lane} begins at offset {lane.first_offset}, the batch before ends at {expected[0]}"
            )
        _check_lane(store, key, lane, start=start, proof=proof)
    for lost in ends.keys() - {lane.lane for lane in manifest.lanes}:
        proof.problems.append(f"{key} does not say where lane {lost} stands")
    totals = tuple(sum(getattr(part, name) for part in manifest.parts) for name in ("rows", "rejected", "gap_records"))
    if totals != (manifest.rows, manifest.rejected, manifest.gap_records):
        proof.problems.append(f"{key} says rows, rejected and gaps are not the sums of its parts: {totals}")
    proof.batches.append(
        BatchProof(
            manifest.batch, manifest.rows, manifest.rejected, manifest.gap_records, manifest.offsets, manifest.cut
        )
    )


def _check_lane(store: ObjectStore, key: str, lane: Lane, *, start: ChainStart, proof: Proof) -> None:
    offset = lane.first_offset
    sequence = lane.next_sequence - len(lane.parts)
    for part in lane.parts:
        if (part.first_offset, part.sequence) != (offset, sequence):
            proof.problems.append(f"{key}: {part.key} begins at {part.first_offset}, expected was {offset}")
        found = store.head(part.key)
        try:
            stored = part_of(found) if found else None
        except ChainError as error:
            proof.problems.append(f"{part.key} was altered: {error}")
        else:
            if stored is None:
                proof.problems.append(f"{key} names {part.key}, which does not exist")
            elif stored != part:
                proof.problems.append(f"{part.key} was altered: {_difference(part, stored)}")
            else:
                _check_part(store, lane.lane, part, start, proof)
        offset, sequence = part.next_offset, sequence + 1
    if offset != lane.next_offset:
        proof.problems.append(f"{key} lane {lane.lane} says it ends at {lane.next_offset}, its parts end at {offset}")


def _check_tail(
    store: ObjectStore, stream: str, lane: int, *, start: ChainStart, end: Lane | None, proof: Proof
) -> None:
    """Check the parts that are in no batch yet."""
    offset = end.next_offset if end else start.offset(lane)
    try:
        parts = Chain(store, stream, lane).parts_from(end.next_sequence if end else 0)
    except ChainError as error:
        proof.problems.append(str(error))
        return
    totals = proof.lanes.setdefault(lane, LaneProof(lane, start.offset(lane), offset))
    for part in parts:
        if part.first_offset != offset:
            proof.problems.append(f"{part.key} begins at {part.first_offset}, the lane's last batch ends at {offset}")
        _check_part(store, lane, part, start, proof)
        totals.unsealed_rows += part.rows
        offset = part.next_offset
    totals.next_offset = offset


def _check_part(store: ObjectStore, lane: int, part: Part, start: ChainStart, proof: Proof) -> None:
    try:
        starts, ends = _covered(store, lane, part, proof)
    except (pa.ArrowInvalid, KeyError, ValueError, OSError) as error:
        proof.problems.append(f"{part.key} cannot be read: {error}")
        return
    if part.topic_id != start.topic_id:
        proof.problems.append(f"{part.key} is of topic id {part.topic_id}, the stream of {start.topic_id}")
    proof.problems.extend(
        f"{part.key}: {count} offsets {what}, the first is {first}"
        for what, count, first in misfits(starts, ends, part.first_offset, part.next_offset)
    )
    totals = proof.lanes.setdefault(lane, LaneProof(lane, start.offset(lane), part.next_offset))
    totals.parts += 1
    totals.rows += part.rows
    totals.rejected += part.rejected
    totals.gap_records += part.gap_records


def misfits(starts: Longs, ends: Longs, first: int, end: int) -> list[tuple[str, int, int]]:
    """Compare stretches of offsets [starts, ends) with the one stretch [first, end) that they should make up.

    Returns what is wrong, of how many offsets, and the first of these. Nothing is as long as a gap may be: its
    10⁹ offsets are one stretch.
    """
    order = np.lexsort((ends, starts))
    # The stretch's own edges, as if neighbours lay there, so that all that is wrong lies between two stretches.
    starts, ends = starts[order], ends[order]
    reached = np.maximum.accumulate(np.concatenate([[first], ends]))
    inside, beyond = np.maximum(starts, first), np.maximum(starts, end)
    wrong = []
    for what, begin, length in (
        ("missing", reached, np.minimum(np.append(starts, end), end) - reached),
        ("doubled", inside, np.minimum(np.minimum(reached[:-1], ends), end) - inside),
        ("foreign", starts, np.minimum(ends, first) - starts),
        ("foreign", beyond, ends - beyond),
    ):
        at = length > 0
        if at.any():
            wrong.append((what, int(length[at].sum()), int(begin[at][0])))
    return wrong


def _covered(store: ObjectStore, lane: int, part: Part, proof: Proof) -> tuple[Longs, Longs]:
    """Return starts and ends of what the part's rows, rejects and gaps cover; contradictions go to ``proof``."""
    found = store.get(part.key)
    if found is None:
        raise ValueError("it does not exist")
    file = pq.ParquetFile(io.BytesIO(found[0]))
    footer: dict[str, Any] = json.loads(file.metadata.metadata[FOOTER_KEY])
    head = store.head(part.key)
    for name, value in (head.metadata if head else {}).items():
        if str(footer.get(name)) != value:
            proof.problems.append(
                f"{part.key}: {name} is {value!r} in the metadata, {footer.get(name)!r} in the footer"
            )
    rows = file.read([PARTITION, OFFSET])
    offsets: Longs = rows.column(OFFSET).to_numpy()
    if len(offsets) != part.rows:
        proof.problems.append(f"{part.key} holds {len(offsets)} rows, not {part.rows}")
    if not (rows.column(PARTITION).to_numpy() == lane).all() or not (np.diff(offsets) > 0).all():
        proof.problems.append(f"{part.key} holds rows of another lane, or not in the order of their offsets")
    gaps: Longs = np.array(footer["gaps"], dtype=np.int64).reshape(-1, 2)
    lengths = gaps[:, 1] - gaps[:, 0]
    if (lengths < 1).any() or lengths.sum() != part.gap_records:
        proof.problems.append(f"{part.key}: the footer's gaps are not {part.gap_records} offsets")
    single = np.concatenate([offsets, _rejected_offsets(store, part, proof)])
    return np.concatenate([single, gaps[:, 0]]), np.concatenate([single + 1, gaps[:, 1]])


def _rejected_offsets(store: ObjectStore, part: Part, proof: Proof) -> Longs:
    none: Longs = np.empty(0, dtype=np.int64)
    if part.rejects is None:
        return none
    found = store.get(part.rejects.key)
    if found is None or found[1] != part.rejects.etag:
        proof.problems.append(f"{part.rejects.key}, which {part.key} names, is {'altered' if found else 'missing'}")
        return none
    offsets: Longs = pq.read_table(io.BytesIO(found[0]), columns=[OFFSET]).column(OFFSET).to_numpy()
    if len(offsets) != part.rejects.rows:
        proof.problems.append(f"{part.rejects.key} holds {len(offsets)} records, not {part.rejects.rows}")
    return offsets


def _listed_lanes(store: ObjectStore, stream: str) -> set[int]:
    folders = store.list_folders(f"{stream}/")
    return {int(name.removeprefix("lane=")) for name in folders if name.removeprefix("lane=").isdigit()}


def _difference(part: Part, stored: Part) -> str:
    names = [name for name in part.__dataclass_fields__ if getattr(part, name) != getattr(stored, name)]
    return ", ".join(f"{name} {getattr(part, name)} is now {getattr(stored, name)}" for name in names)
