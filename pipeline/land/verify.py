"""Proves from the objects alone that every offset is in exactly one part of one batch, a reject, skipped, or a gap."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from contract.batch import (
    FOOTER_KEY,
    OFFSET,
    PARTITION,
    SKIPPED,
    LandedAgain,
    Lane,
    Manifest,
    Part,
    as_sealed,
    manifest_from_json,
    manifest_key,
    manifest_prefix,
)
from contract.errors import ChainError
from pipeline.land.chain import Chain, listed_lanes, part_of
from pipeline.land.chain_start import ChainStart, read_start
from pipeline.land.origins import Longs
from pipeline.land.verify_again import AgainProof, RejectedOffsets, check_again
from pipeline.land.verify_columns import ColumnProof, LandedObject, column_proofs
from pipeline.landed_types import LandedColumns
from pipeline.object_store import ObjectStore
from pipeline.parquet_bytes import parquet_file, read_table


@dataclass
class LaneProof:
    """What was found in one lane; offsets ``first_offset`` ≤ o < ``next_offset`` are accounted for."""

    lane: int
    first_offset: int
    next_offset: int
    parts: int = 0
    rows: int = 0
    rejected: int = 0
    """Records that are still rejected."""
    landed_again: int = 0
    """Records that were rejected at first, and are rows of a batch or wait for one."""
    gap_records: int = 0
    skipped: int = 0
    """Records that are meant to make no row."""
    deletes: int = 0
    """Those of the skipped which say that a row is gone."""
    unsealed_rows: int = 0
    low_watermark: int | None = None
    high_watermark: int | None = None


@dataclass
class BatchProof:
    """What was found of one batch.

    ``rejected`` of its parts' records still are; ``landed_again_in`` says how many of them are rows of which batch by
    now, "" for none yet. ``rows`` counts in ``rows_again``, which the parts of any batch rejected at first.
    """

    batch: int
    rows: int
    rows_again: int
    rejected: int
    landed_again_in: dict[str, int]
    gap_records: int
    skipped: int
    deletes: int
    offsets: Mapping[int, tuple[int, int]]
    cut: str


@dataclass
class Proof:
    """The result: it holds if ``problems`` is empty."""

    stream: str
    batches: list[BatchProof] = field(default_factory=list)
    lanes: dict[int, LaneProof] = field(default_factory=dict)
    rows_again_unsealed: int = 0
    """Rows that were landed again and wait for their batch."""
    columns: dict[str, list[ColumnProof]] = field(default_factory=dict)
    """Per column, the types that it was landed with, and in which batches."""
    problems: list[str] = field(default_factory=list)


@dataclass
class _Reading:
    """What the checks need, and what they leave for those that follow."""

    store: ObjectStore
    start: ChainStart
    proof: Proof
    landed: dict[str, LandedObject]
    on_part: Callable[[], None]
    rejected: list[RejectedOffsets] = field(default_factory=list)

    def say(self, problem: str) -> None:
        self.proof.problems.append(problem)

    def lane(self, lane: int, next_offset: int) -> LaneProof:
        return self.proof.lanes.setdefault(lane, LaneProof(lane, self.start.offset(lane), next_offset))


def verify_stream(
    store: ObjectStore,
    stream: str,
    landed: dict[str, LandedObject] | None = None,
    on_part: Callable[[], None] = lambda: None,
) -> Proof:
    """Check every object of ``stream``, and that together they cover each offset once.

    ``landed`` is given the columns of each object with rows, by its key; ``on_part`` is called for each part that
    was looked at.
    """
    proof = Proof(stream)
    start = read_start(store, stream)
    if start is None:
        proof.problems.append(f"stream {stream!r} has landed nothing: there is no _chain.json")
        return proof
    landed = {} if landed is None else landed
    reading = _Reading(store, start, proof, landed, on_part)
    ends: dict[int, Lane] = {}
    listed: list[tuple[int, LandedAgain]] = []
    next_again = 0
    for manifest in _manifests(store, stream, proof):
        _check_manifest(reading, manifest, ends, next_again)
        ends |= {lane.lane: lane for lane in manifest.lanes}
        listed += [(manifest.batch, again) for again in manifest.again]
        next_again = manifest.next_again
    # Behind the manifests and before the tails: so every object that a manifest names, and every part of its
    # rejects, has been seen, even while the stream is being landed.
    again = check_again(store, stream, start.topic_id, listed, proof.problems)
    landed |= again.landed
    for lane in sorted({*start.starts, *ends, *listed_lanes(store, stream)}):
        _check_tail(reading, stream, lane, ends.get(lane))
    _count_again(proof, again, reading.rejected)
    proof.columns = column_proofs(landed.values())
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


def _check_manifest(reading: _Reading, manifest: Manifest, ends: Mapping[int, Lane], next_again: int) -> None:
    key = manifest_key(manifest.stream, manifest.batch)
    if manifest.topic_id != reading.start.topic_id:
        reading.say(f"{key} is of topic id {manifest.topic_id}, the stream of {reading.start.topic_id}")
    for lane in manifest.lanes:
        before = ends.get(lane.lane)
        expected = (before.next_offset, before.next_sequence) if before else (reading.start.offset(lane.lane), 0)
        if (lane.first_offset, lane.next_sequence - len(lane.parts)) != expected:
            reading.say(
                f"{key} lane {lane.lane} begins at offset {lane.first_offset}, the batch before ends at {expected[0]}"
            )
        _check_lane(reading, key, manifest, lane)
    for lost in ends.keys() - {lane.lane for lane in manifest.lanes}:
        reading.say(f"{key} does not say where lane {lost} stands")
    if [again.sequence for again in manifest.again] != list(range(next_again, manifest.next_again)):
        reading.say(
            f"{key} lists other rejects landed again than numbers {next_again} to {manifest.next_again - 1}: "
            f"the batch before ends at {next_again}"
        )
    totals = (sum(held.rows for held in manifest.objects), *_without_rows(manifest))
    if totals != (manifest.rows, manifest.rejected, manifest.gap_records, manifest.skipped):
        reading.say(f"{key} says rows, rejected, gaps and skipped are not the sums of its objects: {totals}")
    reading.proof.batches.append(
        BatchProof(
            batch=manifest.batch, rows=manifest.rows, rows_again=manifest.rows_again, rejected=manifest.rejected,
            landed_again_in={}, gap_records=manifest.gap_records, skipped=manifest.skipped,
            deletes=sum(part.deletes for part in manifest.parts),
            offsets=manifest.offsets, cut=manifest.cut,
        )
    )  # fmt: skip


def _without_rows(manifest: Manifest) -> tuple[int, int, int]:
    counts = [(part.rejected, part.gap_records, part.skipped) for part in manifest.parts]
    rejected, gaps, skipped = map(sum, zip(*counts, strict=True)) if counts else (0, 0, 0)
    return rejected, gaps, skipped


def _check_lane(reading: _Reading, key: str, manifest: Manifest, lane: Lane) -> None:
    offset = lane.first_offset
    sequence = lane.next_sequence - len(lane.parts)
    for part in lane.parts:
        if (part.first_offset, part.sequence) != (offset, sequence):
            reading.say(f"{key}: {part.key} begins at {part.first_offset}, expected was {offset}")
        found = reading.store.head(part.key)
        try:
            landed = part_of(found) if found else None
        except ChainError as error:
            reading.say(f"{part.key} was altered: {error}")
        else:
            if landed is None:
                reading.say(f"{key} names {part.key}, which does not exist")
            elif (stored := as_sealed(landed, manifest.format)) != part:
                reading.say(f"{part.key} was altered: {_difference(part, stored)}")
            else:
                _check_part(reading, lane.lane, manifest.batch, landed)
        offset, sequence = part.next_offset, sequence + 1
    if offset != lane.next_offset:
        reading.say(f"{key} lane {lane.lane} says it ends at {lane.next_offset}, its parts end at {offset}")


def _check_tail(reading: _Reading, stream: str, lane: int, end: Lane | None) -> None:
    """Check the parts that are in no batch yet."""
    offset = end.next_offset if end else reading.start.offset(lane)
    try:
        parts = Chain(reading.store, stream, lane).parts_from(end.next_sequence if end else 0)
    except ChainError as error:
        reading.say(str(error))
        return
    totals = reading.lane(lane, offset)
    for part in parts:
        if part.first_offset != offset:
            reading.say(f"{part.key} begins at {part.first_offset}, the lane's last batch ends at {offset}")
        _check_part(reading, lane, None, part)
        totals.unsealed_rows += part.rows
        offset = part.next_offset
    totals.next_offset = offset


def _check_part(reading: _Reading, lane: int, batch: int | None, part: Part) -> None:
    reading.on_part()
    try:
        rejected = _rejected_offsets(reading, part)
        starts, ends = _covered(reading, lane, batch, part, rejected)
    except (pa.ArrowInvalid, KeyError, ValueError, OSError) as error:
        reading.say(f"{part.key} cannot be read: {error}")
        return
    if part.topic_id != reading.start.topic_id:
        reading.say(f"{part.key} is of topic id {part.topic_id}, the stream of {reading.start.topic_id}")
    for what, count, first in misfits(starts, ends, part.first_offset, part.next_offset):
        reading.say(f"{part.key}: {count} offsets {what}, the first is {first}")
    if part.deletes > part.skipped:
        said = f"{part.deletes} deletes are more than the {part.skipped} records that were skipped"
        reading.say(f"{part.key}: {said}")
    reading.rejected.append(RejectedOffsets(lane, batch, rejected))
    totals = reading.lane(lane, part.next_offset)
    totals.parts += 1
    totals.rows += part.rows
    totals.rejected += part.rejected
    totals.gap_records += part.gap_records
    totals.skipped += part.skipped
    totals.deletes += part.deletes


def _count_again(proof: Proof, again: AgainProof, rejected: Sequence[RejectedOffsets]) -> None:
    """Count each reject once: it is rejected, or landed again."""
    proof.rows_again_unsealed = again.waiting
    batches = {batch.batch: batch for batch in proof.batches}
    for seen in rejected:
        landed_in = again.landed_in(seen)
        proof.lanes[seen.lane].rejected -= sum(landed_in.values())
        proof.lanes[seen.lane].landed_again += sum(landed_in.values())
        if seen.batch is not None:
            batch = batches[seen.batch]
            batch.rejected -= sum(landed_in.values())
            for number, count in landed_in.items():
                batch.landed_again_in[number] = batch.landed_again_in.get(number, 0) + count
    proof.problems.extend(again.never_rejected(rejected))


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


def _covered(reading: _Reading, lane: int, batch: int | None, part: Part, rejected: Longs) -> tuple[Longs, Longs]:
    """Return starts and ends of what the part's rows, its ``rejected`` offsets and its gaps cover."""
    found = reading.store.get(part.key)
    if found is None:
        raise ValueError("it does not exist")
    file = parquet_file(found[0])
    footer: dict[str, Any] = json.loads(file.metadata.metadata[FOOTER_KEY])
    head = reading.store.head(part.key)
    for name, value in (head.metadata if head else {}).items():
        if str(footer.get(name)) != value:
            reading.say(f"{part.key}: {name} is {value!r} in the metadata, {footer.get(name)!r} in the footer")
    rows = file.read([PARTITION, OFFSET], use_threads=False)
    offsets: Longs = rows.column(OFFSET).to_numpy()
    if len(offsets):
        reading.landed[part.key] = LandedObject(batch, LandedColumns.of(file.metadata))
    if len(offsets) != part.rows:
        reading.say(f"{part.key} holds {len(offsets)} rows, not {part.rows}")
    if not (rows.column(PARTITION).to_numpy() == lane).all() or not (np.diff(offsets) > 0).all():
        reading.say(f"{part.key} holds rows of another lane, or not in the order of their offsets")
    stretches = np.concatenate(
        [
            _stretches(reading, part, "gaps", footer["gaps"], part.gap_records),
            _stretches(reading, part, "skipped records", footer.get(SKIPPED, []), part.skipped),
        ]
    )
    single = np.concatenate([offsets, rejected])
    return np.concatenate([single, stretches[:, 0]]), np.concatenate([single + 1, stretches[:, 1]])


def _stretches(reading: _Reading, part: Part, what: str, found: object, count: int) -> Longs:
    """Return what the footer says of ``what``, [from, to) each, which should be of ``count`` offsets."""
    stretches: Longs = np.array(found, dtype=np.int64).reshape(-1, 2)
    lengths = stretches[:, 1] - stretches[:, 0]
    if (lengths < 1).any() or lengths.sum() != count:
        reading.say(f"{part.key}: the footer's {what} are not {count} offsets")
    return stretches


def _rejected_offsets(reading: _Reading, part: Part) -> Longs:
    none: Longs = np.empty(0, dtype=np.int64)
    if part.rejects is None:
        return none
    found = reading.store.get(part.rejects.key)
    if found is None or found[1] != part.rejects.etag:
        reading.say(f"{part.rejects.key}, which {part.key} names, is {'altered' if found else 'missing'}")
        return none
    offsets: Longs = read_table(found[0], [OFFSET]).column(OFFSET).to_numpy()
    if len(offsets) != part.rejects.rows:
        reading.say(f"{part.rejects.key} holds {len(offsets)} records, not {part.rejects.rows}")
    return offsets


def _difference(part: Part, stored: Part) -> str:
    names = [name for name in part.__dataclass_fields__ if getattr(part, name) != getattr(stored, name)]
    return ", ".join(f"{name} {getattr(part, name)} is now {getattr(stored, name)}" for name in names)
