"""The newest landed parts of a stream: what its columns were when it was landed last."""

from __future__ import annotations

from contract.batch import lane_prefix, part_key
from pipeline.land.batches import Batches
from pipeline.land.chain import Writer
from pipeline.object_store import ObjectStore


def newest_parts(store: ObjectStore, stream: str, topic: str, writer: Writer) -> list[str]:
    """Return the keys of the newest sealed part, and of each lane's newest part that is in no batch yet."""
    batches = Batches(store, stream, topic, writer)
    batches.refresh()
    sealed = batches.newest.parts[-1:] if batches.newest else ()
    keys = [part.key for part in sealed]
    ends = batches.ends()
    folders = [name.removeprefix("lane=") for name in store.list_folders(f"{stream}/") if name.startswith("lane=")]
    for lane in (int(number) for number in folders if number.isdigit()):
        sequence = ends[lane].next_sequence if lane in ends else 0
        after = part_key(stream, lane, sequence - 1) if sequence else ""
        keys += [found.key for found in store.list_objects(lane_prefix(stream, lane), after=after)][-1:]
    return keys
