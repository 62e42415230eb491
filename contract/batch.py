"""What landing leaves in the object store, and what training reads: parts, rejects, batches.

    <stream>/lane=<p>/<sequence:08d>.parquet      a part; its conditional PUT is the commit
    <stream>/rejects/lane=<p>/<attempt>.parquet   records that are no rows, named by the part they belong to
    <stream>/again/<n:08d>.parquet                rejected records that became rows later; one chain over all lanes
    <stream>/_batches/<i:08d>.json                a manifest; batch i is manifest i
    <stream>/_chain.json                          the topic's id and the offset at which each lane begins
    <stream>/_origin.json                         where the first record-time window begins

A lane is one partition. Its parts form a chain: each begins at the offset where the one before ended.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contract.errors import ChainError

MANIFEST_FORMAT = 3
"""Formats 2 and 3 add to the one before what has a default in the classes below; all stay readable."""
_SINCE_3 = frozenset({"skipped", "deletes"})

# Columns that landing adds to the stream's own.
PARTITION, OFFSET, TIMESTAMP, KEY = "_partition", "_offset", "_timestamp", "_key"
COORDINATES = (PARTITION, OFFSET, TIMESTAMP, KEY)

# Part facts that are too long for object metadata (2 KB) live under this key of the Parquet footer.
FOOTER_KEY = b"swathe"

# Object metadata holds 2 KB: files beyond these are in the footer only.
SOURCES_NOTED = 10
SOURCES = "all_sources"
SKIPPED = "skipped"
"""Stretches [from, to) of offsets, in the footer; earlier landing skipped nothing."""

CutReason = Literal["rows", "bytes", "window", "max_age", "idle", "part_size"]


def part_key(stream: str, lane: int, sequence: int) -> str:
    """Key of part ``sequence`` (from 0) of ``lane``."""
    return f"{stream}/lane={lane}/{sequence:08d}.parquet"


def lane_prefix(stream: str, lane: int) -> str:
    """Common prefix of the lane's parts."""
    return f"{stream}/lane={lane}/"


def rejects_key(stream: str, lane: int, attempt: str) -> str:
    """Key of the rejects that one attempt at a part writes; ``attempt`` is unique to it."""
    return f"{stream}/rejects/lane={lane}/{attempt}.parquet"


def rejects_prefix(stream: str) -> str:
    """Common prefix of the stream's rejects."""
    return f"{stream}/rejects/"


def again_key(stream: str, sequence: int) -> str:
    """Key of object ``sequence`` (from 0) of rejects that were landed again."""
    return f"{stream}/again/{sequence:08d}.parquet"


def again_prefix(stream: str) -> str:
    """Common prefix of the stream's rejects that were landed again."""
    return f"{stream}/again/"


def manifest_key(stream: str, batch: int) -> str:
    """Key of manifest ``batch`` (from 1)."""
    return f"{stream}/_batches/{batch:08d}.json"


def manifest_prefix(stream: str) -> str:
    """Common prefix of the stream's manifests."""
    return f"{stream}/_batches/"


def chain_key(stream: str) -> str:
    """Key of the object that says where the stream's lanes begin, and in which topic."""
    return f"{stream}/_chain.json"


def origin_key(stream: str) -> str:
    """Key of the object that holds the windows' origin."""
    return f"{stream}/_origin.json"


@dataclass(frozen=True)
class Rejects:
    """The object that holds a part's rejected records."""

    key: str
    etag: str
    rows: int


@dataclass(frozen=True)
class Part:
    """One landed stretch of a lane: offsets ``first_offset`` ≤ o < ``next_offset``.

    ``rows`` + rejected rows + ``gap_records`` + ``skipped`` = ``next_offset`` − ``first_offset``. Timestamps are
    Kafka's, in ms since the epoch, UTC; None where the part holds no row. ``value_bytes`` adds up the values of the
    records that became rows, ``bytes`` is the size of the object.

    ``sources`` are the last headers of the replayed files whose records lie in it (``contract/origin.py``), in the
    order of their offsets: the newest ``SOURCES_NOTED`` of ``sources_seen``, None in a part of earlier landing.
    The Parquet footer has them all, under ``SOURCES``.
    """

    key: str
    etag: str
    bytes: int
    sequence: int
    first_offset: int
    next_offset: int
    rows: int
    value_bytes: int
    gap_records: int
    rejects: Rejects | None
    min_timestamp_ms: int | None
    max_timestamp_ms: int | None
    window: int | None
    late_rows: int
    cut: CutReason
    topic_id: str
    writer: str
    early_rows: int = 0
    """Rows that were too far ahead of the lane's clock to move it; parts landed before there was one have none."""
    sources: tuple[str, ...] = ()
    sources_seen: int | None = None
    skipped: int = 0
    """Records that are meant to make no row: tombstones, and change events that say a row is gone."""
    deletes: int = 0
    """These events, of the skipped."""

    @property
    def rejected(self) -> int:
        """Number of rejected records."""
        return self.rejects.rows if self.rejects else 0


@dataclass(frozen=True)
class LandedAgain:
    """Rejected records of ``lane`` that became rows later, of offsets ``first_offset`` ≤ o < ``next_offset``.

    The lane's parts cover these offsets, as rejects. Timestamps and bytes are as in :class:`Part`.
    """

    key: str
    etag: str
    bytes: int
    lane: int
    sequence: int
    first_offset: int
    next_offset: int
    rows: int
    value_bytes: int
    min_timestamp_ms: int
    max_timestamp_ms: int
    topic_id: str
    writer: str


@dataclass(frozen=True)
class Lane:
    """A lane's share of a batch; ``parts`` may be empty.

    ``next_sequence`` and ``next_offset`` are where the next batch begins in this lane.
    """

    lane: int
    first_offset: int
    next_offset: int
    next_sequence: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Manifest:
    """Batch ``batch`` of a stream: exactly the rows of its parts and of ``again``. Sealed once, never changed.

    ``next_again`` is where the next batch begins in the chain of rejects that were landed again. ``format`` is that
    of the object it was read from.
    """

    stream: str
    batch: int
    topic: str
    topic_id: str
    cut: CutReason
    window: int | None
    rows: int
    rejected: int
    gap_records: int
    min_timestamp_ms: int | None
    max_timestamp_ms: int | None
    sealed_at_ms: int
    writer: str
    lanes: tuple[Lane, ...]
    again: tuple[LandedAgain, ...] = ()
    next_again: int = 0
    skipped: int = 0
    format: int = MANIFEST_FORMAT

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, by lane and then by offset."""
        return tuple(part for lane in self.lanes for part in lane.parts)

    @property
    def objects(self) -> tuple[Part | LandedAgain, ...]:
        """All objects that hold the batch's rows."""
        return (*self.parts, *self.again)

    @property
    def rows_again(self) -> int:
        """How many of the rows were rejected at first."""
        return sum(again.rows for again in self.again)

    @property
    def offsets(self) -> Mapping[int, tuple[int, int]]:
        """Per lane with parts: first offset and the offset after the last."""
        return {lane.lane: (lane.first_offset, lane.next_offset) for lane in self.lanes if lane.parts}


def seal(
    *,
    stream: str,
    batch: int,
    topic: str,
    topic_id: str,
    cut: CutReason,
    window: int | None,
    sealed_at_ms: int,
    writer: str,
    lanes: Sequence[Lane],
    again: Sequence[LandedAgain] = (),
    next_again: int = 0,
) -> Manifest:
    """Return the manifest of ``lanes`` and ``again``, with its totals added up."""
    parts = [part for lane in lanes for part in lane.parts]
    holding_rows: list[Part | LandedAgain] = [*parts, *again]
    earliest = [part.min_timestamp_ms for part in holding_rows if part.min_timestamp_ms is not None]
    latest = [part.max_timestamp_ms for part in holding_rows if part.max_timestamp_ms is not None]
    return Manifest(
        stream=stream,
        batch=batch,
        topic=topic,
        topic_id=topic_id,
        cut=cut,
        window=window,
        rows=sum(part.rows for part in holding_rows),
        rejected=sum(part.rejected for part in parts),
        gap_records=sum(part.gap_records for part in parts),
        skipped=sum(part.skipped for part in parts),
        min_timestamp_ms=min(earliest, default=None),
        max_timestamp_ms=max(latest, default=None),
        sealed_at_ms=sealed_at_ms,
        writer=writer,
        lanes=tuple(lanes),
        again=tuple(again),
        next_again=next_again,
    )


def manifest_to_json(manifest: Manifest) -> bytes:
    """Return the manifest as the bytes of its object."""
    return json.dumps({"format": manifest.format, **dataclasses.asdict(manifest)}, indent=1).encode()


def manifest_from_json(body: bytes, key: str) -> Manifest:
    """Return the manifest in ``body``; ``key`` is its object's key, for the message.

    Raises
    ------
    ChainError: not a manifest of a format that is read.
    """
    try:
        fields: dict[str, Any] = json.loads(body)
        found = fields.pop("format")
        if found not in range(1, MANIFEST_FORMAT + 1):
            raise ValueError(
                f"its format is {found!r}, and 1 to {MANIFEST_FORMAT} are read; use the version that wrote it"
            )
        lanes = fields.pop("lanes")
        _refuse_later_fields(found, Manifest, [fields])
        _refuse_later_fields(found, Lane, lanes)
        _refuse_later_fields(found, Part, [part for lane in lanes for part in lane["parts"]])
        again = tuple(LandedAgain(**landed) for landed in fields.pop("again", ()))
        return Manifest(lanes=tuple(_lane(lane) for lane in lanes), again=again, format=found, **fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ChainError(f"{key} is not a batch manifest that this version of Swathe wrote: {error}") from error


def _refuse_later_fields(
    manifest_format: int, kind: type[Manifest | Lane | Part], found: Iterable[dict[str, Any]]
) -> None:
    """A field that the format does not have got there by hand: no reader of that time would have looked at it."""
    known = {field.name for field in dataclasses.fields(kind)} - _later_fields(manifest_format, kind)
    for fields in found:
        if later := sorted(fields.keys() - known):
            raise ValueError(f"format {manifest_format} has no field {later[0]!r}")


def _later_fields(manifest_format: int, kind: type[Manifest | Lane | Part]) -> frozenset[str]:
    """Return the fields that came after the format."""
    added = frozenset(field.name for field in dataclasses.fields(kind) if not _is_required(field))
    return {1: added, 2: added & _SINCE_3}.get(manifest_format, frozenset())


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def as_sealed(part: Part, manifest_format: int) -> Part:
    """Return ``part`` as a manifest of this format tells it; earlier versions may seal parts that later ones land."""
    later = _later_fields(manifest_format, Part)
    unknown = {field.name: field.default for field in dataclasses.fields(Part) if field.name in later}
    return dataclasses.replace(part, **unknown)  # type: ignore[arg-type]  # of the fields' own types


def _lane(fields: dict[str, Any]) -> Lane:
    return Lane(**{**fields, "parts": tuple(part_from_fields(part) for part in fields["parts"])})


def part_from_fields(fields: dict[str, Any]) -> Part:
    """Return the part that :func:`dataclasses.asdict` made ``fields`` of."""
    rejects = fields["rejects"]
    sources = tuple(map(str, fields.get("sources", ())))
    return Part(**{**fields, "rejects": Rejects(**rejects) if rejects else None, "sources": sources})


def sources_from_metadata(metadata: Mapping[str, str]) -> tuple[tuple[str, ...], int | None]:
    """Return a part's ``sources`` and ``sources_seen`` from its object's metadata."""
    seen = int(metadata["sources_seen"]) if "sources_seen" in metadata else None
    return tuple(filter(None, metadata.get("sources", "").split(","))), seen
