"""`python -m pipeline status`: where a stream stands, from the topic to its model versions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from contract.batch import Manifest, manifest_from_json, manifest_prefix
from contract.errors import ServiceDownError, SwatheError
from contract.model_version import TAG_BATCH, TAG_STATE
from contract.stream import Stream
from pipeline.command_line import Command
from pipeline.land.chain import Chain
from pipeline.land.start import read_start
from pipeline.land.topic import Topic, committed_offsets, make_consumer, watermarks
from pipeline.object_store import ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.stream_file import load_stream
from pipeline.train.registry import Registry
from pipeline.train.settings import tracking_settings


@dataclass(frozen=True)
class BatchStatus:
    """A sealed batch; ``versions`` says, per registered model, which state its version has."""

    batch: int
    rows: int
    rejected: int
    cut: str
    sealed_at: str
    versions: dict[str, str]


@dataclass(frozen=True)
class LaneStatus:
    """A lane; ``lag`` is how many offsets the topic is ahead of what has landed; None is what could not be asked."""

    lane: int
    landed_to: int
    """Where the chain ends; the group's committed offset while the object store does not answer."""
    unsealed_rows: int | None
    high_watermark: int | None
    lag: int | None


class _LaneEnds(NamedTuple):
    """Of a lane in the topic: the group's committed offset, and the offset after the last record."""

    committed: int
    high: int


@dataclass
class StreamStatus:
    """Everything that can be seen; ``unreachable`` names what could not be asked."""

    stream: str
    batches: list[BatchStatus] = field(default_factory=list)
    lanes: list[LaneStatus] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


@click.command(cls=Command)
@click.option("--stream", "stream_path", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(stream_path: str, *, as_json: bool) -> None:
    """Show a stream's batches, the versions trained from them, its lanes and their lag.

    Exits with 1 if a service could not be asked, and shows what the others know.
    """
    found = look(load_stream(stream_path))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        _print(found)
    if found.unreachable:
        raise SystemExit(1)


def look(stream: Stream) -> StreamStatus:
    """Ask the object store, the topic and the registry; what does not answer is named, and the others are shown.

    Raises
    ------
    SwatheError: settings that are wrong, or objects that are not as landing writes them.
    """
    found = StreamStatus(stream.name)
    versions = _versions(stream, found)
    topic = _topic(stream, found)
    try:
        store = ObjectStore.answering(store_settings())
        manifests = [_read(store, entry.key) for entry in store.list_objects(manifest_prefix(stream.name))]
        found.lanes = _lanes(stream, store, manifests[-1] if manifests else None, topic)
    except ServiceDownError as error:
        found.unreachable.append(f"{error} Until then landing waits, and loses nothing.")
        found.lanes = [
            LaneStatus(lane, ends.committed, None, ends.high, ends.high - ends.committed)
            for lane, ends in topic.items()
        ]
        return found
    for manifest in manifests:
        sealed_at = datetime.fromtimestamp(manifest.sealed_at_ms / 1000, UTC).isoformat(timespec="seconds")
        states = {model: states[manifest.batch] for model, states in versions.items() if manifest.batch in states}
        found.batches.append(
            BatchStatus(manifest.batch, manifest.rows, manifest.rejected, manifest.cut, sealed_at, states)
        )
    return found


def _read(store: ObjectStore, key: str) -> Manifest:
    body = store.get(key)
    return manifest_from_json(body[0] if body else b"", key)


def _versions(stream: Stream, found: StreamStatus) -> dict[str, dict[int, str]]:
    """Return, per registered model of the stream, the state of each batch's version."""
    states: dict[str, dict[int, str]] = {}
    try:
        for model in (stream.registered_model("disjoint"), stream.registered_model("cumulative")):
            registry = Registry(tracking_settings(), model)
            try:
                states[model] = {
                    int(version.tags.get(TAG_BATCH, version.number)): version.tags.get(TAG_STATE, "not ready")
                    for version in registry.versions().values()
                }
            finally:
                registry.close()
    except SwatheError as error:
        found.unreachable.append(str(error))
    return states


def _lanes(
    stream: Stream, store: ObjectStore, newest: Manifest | None, topic: Mapping[int, _LaneEnds]
) -> list[LaneStatus]:
    start = read_start(store, stream.name)
    ends = {lane.lane: lane for lane in newest.lanes} if newest else {}
    lanes = []
    for number in sorted({*topic, *ends, *(start.starts if start else ())}):
        end = ends.get(number)
        parts = Chain(store, stream.name, number).parts_from(end.next_sequence if end else 0)
        first = end.next_offset if end else (start.offset(number) if start else 0)
        landed_to = parts[-1].next_offset if parts else first
        mark = topic[number].high if number in topic else None
        lag = None if mark is None else mark - landed_to
        lanes.append(LaneStatus(number, landed_to, sum(part.rows for part in parts), mark, lag))
    return lanes


def _topic(stream: Stream, found: StreamStatus) -> dict[int, _LaneEnds]:
    try:
        kafka = kafka_settings()
        address = kafka["bootstrap.servers"]
        _, partitions = Topic(stream.topic, kafka).describe()
        consumer = make_consumer(kafka, stream.consumer_group)
        try:
            committed = committed_offsets(consumer, stream.topic, partitions, address)
            return {
                lane: _LaneEnds(committed.get(lane, low), high)
                for lane, (low, high) in (
                    (lane, watermarks(consumer, stream.topic, lane, address)) for lane in range(partitions)
                )
            }
        finally:
            consumer.close()
    except SwatheError as error:
        found.unreachable.append(str(error))
        return {}


def _print(found: StreamStatus) -> None:
    console = Console(width=110)
    batches = Table("batch", "rows", "rejected", "cut by", "sealed at", "versions", title=f"stream {found.stream}")
    for batch in found.batches:
        versions = ", ".join(f"{model} v{batch.batch} {state}" for model, state in batch.versions.items())
        batches.add_row(
            *(str(batch.batch), f"{batch.rows:,}", f"{batch.rejected:,}", batch.cut, batch.sealed_at, versions or "–")
        )
    console.print(batches)
    for lane in found.lanes:
        lag = "lag unknown" if lane.lag is None else f"lag {lane.lag:,}"
        unsealed = "" if lane.unsealed_rows is None else f", {lane.unsealed_rows:,} rows unsealed"
        console.print(f"lane {lane.lane}: landed to {lane.landed_to:,}, {lag}{unsealed}")
    for problem in found.unreachable:
        console.print(f"not asked: {problem}", style="red", markup=False)
