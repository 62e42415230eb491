"""Proves that what was landed again was rejected before, once each, and is listed by one batch or waits for one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from contract.batch import FOOTER_KEY, OFFSET, PARTITION, LandedAgain
from contract.errors import ChainError
from pipeline.land.again_chain import AgainChain
from pipeline.land.origins import Longs
from pipeline.land.verify_columns import LandedObject
from pipeline.landed_types import LandedColumns
from pipeline.object_store import ObjectStore
from pipeline.parquet_bytes import parquet_file

WAITING = ""


@dataclass(frozen=True)
class RejectedOffsets:
    """The offsets that a part of ``lane`` rejected; ``batch`` is None while the part is in none."""

    lane: int
    batch: int | None
    offsets: Longs


@dataclass(frozen=True)
class AgainProof:
    """Per lane, the offsets that were landed again, in order, and in which batch each is; 0 is none yet."""

    offsets: Mapping[int, Longs]
    batches: Mapping[int, Longs]
    landed: Mapping[str, LandedObject] = field(default_factory=dict)
    """The columns of each object."""

    @property
    def waiting(self) -> int:
        """Rows that are in no batch yet."""
        return sum(int((batches == 0).sum()) for batches in self.batches.values())

    def landed_in(self, rejected: RejectedOffsets) -> dict[str, int]:
        """Return how many of the ``rejected`` records are rows of which batch, ``WAITING`` for none yet."""
        if rejected.lane not in self.offsets:
            return {}
        found = self.batches[rejected.lane][np.isin(self.offsets[rejected.lane], rejected.offsets)]
        batches, counts = np.unique(found, return_counts=True)
        pairs = zip(batches.tolist(), counts.tolist(), strict=True)
        return {str(batch) if batch else WAITING: count for batch, count in pairs}

    def never_rejected(self, rejected: Sequence[RejectedOffsets]) -> list[str]:
        """Return what is wrong: offsets that were landed again, and that no part rejected."""
        problems = []
        for lane, offsets in self.offsets.items():
            of_lane = [seen.offsets for seen in rejected if seen.lane == lane]
            wrong = np.setdiff1d(offsets, np.concatenate([np.empty(0, dtype=np.int64), *of_lane]))
            if len(wrong):
                problems.append(
                    f"lane {lane}: {len(wrong)} offsets were landed again and never rejected, the first is {wrong[0]}"
                )
        return problems


def check_again(
    store: ObjectStore, stream: str, topic_id: str, listed: Sequence[tuple[int, LandedAgain]], problems: list[str]
) -> AgainProof:
    """Check every object that was landed again; ``listed`` are those that manifests name, with their batch."""
    chain = AgainChain(store, stream)
    try:
        stored = chain.objects_from(0)
    except ChainError as error:
        problems.append(str(error))
        return AgainProof({}, {})
    batch_of = {again.sequence: batch for batch, again in listed}
    missing = [again.key for _, again in listed if again.sequence >= len(stored)]
    problems += [f"a manifest names {key}, which does not exist" for key in missing]
    problems += [
        f"{again.key} was altered: batch {batch} names it as {again}, found is {stored[again.sequence]}"
        for batch, again in listed
        if again.sequence < len(stored) and stored[again.sequence] != again
    ]
    landed: dict[str, LandedObject] = {}
    read = []
    for again in stored:
        offsets, columns = _read(store, again, topic_id, problems)
        if len(offsets):
            read.append((again, offsets))
            landed[again.key] = LandedObject(batch_of.get(again.sequence), columns)
    return dataclasses.replace(_by_lane(read, batch_of, problems), landed=landed)


def _read(store: ObjectStore, again: LandedAgain, topic_id: str, problems: list[str]) -> tuple[Longs, LandedColumns]:
    """Return offsets and columns of the rows of ``again``; what contradicts its metadata goes to ``problems``."""
    none = np.empty(0, dtype=np.int64), LandedColumns(())
    found, head = store.get(again.key), store.head(again.key)
    if found is None or head is None:
        problems.append(f"{again.key} was listed and is gone")
        return none
    try:
        file = parquet_file(found[0])
        footer = json.loads(file.metadata.metadata[FOOTER_KEY])
        rows = file.read([PARTITION, OFFSET], use_threads=False)
    except (pa.ArrowInvalid, KeyError, ValueError, OSError) as error:
        problems.append(f"{again.key} cannot be read: {error}")
        return none
    if footer != dict(head.metadata):
        problems.append(f"{again.key}: metadata and footer differ")
    if again.topic_id != topic_id:
        problems.append(f"{again.key} is of topic id {again.topic_id}, the stream of {topic_id}")
    offsets: Longs = rows.column(OFFSET).to_numpy()
    if len(offsets) != again.rows:
        problems.append(f"{again.key} holds {len(offsets)} rows, not {again.rows}")
    if not (rows.column(PARTITION).to_numpy() == again.lane).all() or not (np.diff(offsets) > 0).all():
        problems.append(f"{again.key} holds rows of another lane, or not in the order of their offsets")
    return offsets, LandedColumns.of(file.metadata)


def _by_lane(read: Sequence[tuple[LandedAgain, Longs]], batch_of: Mapping[int, int], problems: list[str]) -> AgainProof:
    all_offsets, all_batches = {}, {}
    for lane in sorted({again.lane for again, _ in read}):
        mine = [(again, offsets) for again, offsets in read if again.lane == lane]
        offsets = np.concatenate([offsets for _, offsets in mine])
        batches = np.concatenate([np.full(len(each), batch_of.get(again.sequence, 0)) for again, each in mine])
        order = np.argsort(offsets, kind="stable")
        all_offsets[lane], all_batches[lane] = offsets[order], batches[order]
        doubled = all_offsets[lane][1:][np.diff(all_offsets[lane]) == 0]
        if len(doubled):
            problems.append(f"lane {lane}: {len(doubled)} offsets were landed again twice, the first is {doubled[0]}")
    return AgainProof(all_offsets, all_batches)
