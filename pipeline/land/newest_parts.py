"""The newest landed parts of a stream: what its columns were when it was landed last."""

from __future__ import annotations

from pipeline.land.again_chain import AgainChain
from pipeline.land.batches import Batches
from pipeline.land.chain import Chain, Writer, listed_lanes
from pipeline.object_store import ObjectStore


def newest_parts(store: ObjectStore, stream: str, topic: str, writer: Writer) -> list[str]:
    """Return the keys of the newest objects with rows: of the newest batch, and of those that are in no batch yet.

    A part of nothing but rejects has no row of its types; correcting these is how its records come back.
    """
    batches = Batches(store, stream, topic, writer)
    batches.refresh()
    sealed = batches.newest.objects if batches.newest else ()
    ends = batches.ends()
    unsealed = [
        Chain(store, stream, lane).parts_from(ends[lane].next_sequence if lane in ends else 0)
        for lane in sorted(listed_lanes(store, stream))
    ]
    again = AgainChain(store, stream).objects_from(batches.newest.next_again if batches.newest else 0)
    return [held.key for objects in (sealed, *unsealed, again) for held in [held for held in objects if held.rows][-1:]]
