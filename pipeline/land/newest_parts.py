"""What a stream's columns were when it was landed before, compared with what its stream file says now."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from contract.batch import LandedAgain, Part
from contract.stream import Stream
from contract.widening import by_value
from pipeline.land.again_chain import AgainChain
from pipeline.land.batches import Batches
from pipeline.land.chain import Chain, Writer, listed_lanes
from pipeline.landed_types import LandedColumns, LandedTypes, refuse_changed_types
from pipeline.object_store import ObjectStore


def newest_parts(store: ObjectStore, stream: str, topic: str, writer: Writer) -> list[str]:
    """Return the keys of the objects with rows of the newest batch, and of those that are in no batch yet.

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
    return [key for objects in (sealed, *unsealed, again) for key in _filled(objects)]


def refuse_unreadable_parts(store: ObjectStore, stream: Stream, stream_path: str, writer: Writer) -> None:
    """Stop where the columns of the stream file cannot read what was landed with earlier ones.

    Raises
    ------
    StreamFileError: the line of the column, both types, and the object.
    """
    landed = LandedTypes(store)
    newest = landed.of(newest_parts(store, stream.name, stream.topic, writer))
    refuse_changed_types(stream, stream_path, newest, stream.columns)
    # Any other column was compared with the parts before when it was new.
    if newest and (new := [name for name in stream.columns if _is_new(stream, name, newest.values())]):
        every = landed.of(_all_parts(store, stream.name, stream.topic, writer))
        refuse_changed_types(stream, stream_path, every, new)


def _is_new(stream: Stream, name: str, newest: Collection[LandedColumns]) -> bool:
    """Whether some of the newest parts do not have the column, or have it as what is read or not by its values."""
    types = [dict(columns.types).get(name) for columns in newest]
    return any(kind is None or by_value(kind, stream.columns[name].type) for kind in types)


def _all_parts(store: ObjectStore, stream: str, topic: str, writer: Writer) -> list[str]:
    batches = Batches(store, stream, topic, writer)
    batches.refresh()
    count = batches.newest.batch if batches.newest else 0
    return [key for batch in range(1, count + 1) for key in _filled(batches.read(batch).objects)]


def _filled(objects: Iterable[Part | LandedAgain]) -> list[str]:
    return [held.key for held in objects if held.rows]
