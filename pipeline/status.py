"""`python -m pipeline status`: where a stream stands, from the topic to its model versions."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import click
from rich.table import Table

from console.commands import Command
from console.exit_codes import FAILED
from console.output import output
from contract import remedies
from contract.batch import Manifest, Part, manifest_from_json, manifest_prefix
from contract.errors import ChainError, ServiceDownError, SwatheError
from contract.model_version import TAG_BATCH, TAG_STATE
from contract.stream import Stream
from pipeline.land.again_chain import AgainChain
from pipeline.land.chain import Chain, listed_lanes
from pipeline.land.chain_start import ChainStart, read_start
from pipeline.land.reject_reasons import ReasonCount
from pipeline.land.rejected_records import newest_reasons, rejected_of
from pipeline.land.topic import Topic, committed_offsets, make_consumer, watermarks
from pipeline.object_store import ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.stream_file import load_stream
from pipeline.train.ledger.survey import all_edits, series_of
from pipeline.train.mlflow_client.registry import Registry
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
    rows_again: int = 0
    """Of the rows, those that some batch had rejected at first."""
    skipped: int = 0
    """Records of its offsets that are meant to make no row."""


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
    edits: list[str] = field(default_factory=list)
    """What somebody deleted or changed in the registry, and what puts it right."""
    rejected: int | None = None
    """Records that were rejected and not landed again; None where it could not be asked."""
    rows_again_unsealed: int | None = None
    """Rows that were landed again and wait for their batch."""
    skipped: int | None = None
    """Records that are meant to make no row, and of these the change events that say one is gone."""
    deletes: int | None = None
    reasons: list[ReasonCount] = field(default_factory=list)
    """Why the newest of the rejected records are."""
    unreachable: list[str] = field(default_factory=list)


@click.command(
    cls=Command,
    examples=["--stream streams/flights.yaml", "--stream streams/flights.yaml --json"],
    exits={FAILED: "a service could not be asked; what the others know is shown"},
)
@click.option("--stream", "stream_path", metavar="PATH", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
def status(stream_path: str, *, as_json: bool) -> None:
    """Show a stream's batches, the versions trained from them, its lanes and their lag."""
    found = look(load_stream(stream_path), stream_path)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        _print(found, stream_path)
    if found.unreachable:
        raise SystemExit(FAILED)


def look(stream: Stream, stream_file: str) -> StreamStatus:
    """Ask the object store, the topic and the registry; what does not answer is named, and the others are shown.

    Raises
    ------
    SwatheError: settings that are wrong, or objects that are not as landing writes them.
    """
    found = StreamStatus(stream.name)
    versions = _versions(stream, found)
    registry_answers = not found.unreachable
    topic = _topic(stream, found)
    try:
        store = ObjectStore.answering(store_settings())
        manifests = [_read(store, entry.key) for entry in store.list_objects(manifest_prefix(stream.name))]
        start = read_start(store, stream.name)
        unsealed = _unsealed(stream, store, manifests[-1] if manifests else None)
        found.lanes = _lanes(start, manifests[-1] if manifests else None, unsealed, topic)
        _look_at_rejects(stream, store, manifests, unsealed, found)
    except ServiceDownError as error:
        found.unreachable.append(f"{error} Until then landing waits, and loses nothing.")
        found.lanes = [
            LaneStatus(lane, ends.committed, None, ends.high, ends.high - ends.committed)
            for lane, ends in topic.items()
        ]
        return found
    if registry_answers:
        found.edits = _edits(store, stream, stream_file, found)
    for manifest in manifests:
        sealed_at = datetime.fromtimestamp(manifest.sealed_at_ms / 1000, UTC).isoformat(timespec="seconds")
        states = {model: states[manifest.batch] for model, states in versions.items() if manifest.batch in states}
        found.batches.append(
            BatchStatus(
                manifest.batch,
                manifest.rows,
                manifest.rejected,
                manifest.cut,
                sealed_at,
                states,
                manifest.rows_again,
                manifest.skipped,
            )
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
                    number: version.tags.get(TAG_STATE, "not ready")
                    for number, version in registry.versions().items()
                    if version.tags.get(TAG_BATCH) == str(number)
                }
            finally:
                registry.close()
    except SwatheError as error:
        found.unreachable.append(str(error))
    return states


def _edits(store: ObjectStore, stream: Stream, stream_file: str, found: StreamStatus) -> list[str]:
    """Return what somebody changed in the registry."""
    try:
        series, unreadable = series_of(store, stream_file, stream)
        edited = all_edits(tracking_settings(), store, series, deleted_only=True)
        return [str(told) for told in (*edited, *unreadable)]
    except SwatheError as error:
        found.unreachable.append(str(error))
        return []


def _unsealed(stream: Stream, store: ObjectStore, newest: Manifest | None) -> dict[int, list[Part]]:
    """Return, per lane, the parts that are in no batch yet."""
    ends = {lane.lane: lane for lane in newest.lanes} if newest else {}
    return {
        lane: Chain(store, stream.name, lane).parts_from(ends[lane].next_sequence if lane in ends else 0)
        for lane in sorted({*ends, *listed_lanes(store, stream.name)})
    }


def _lanes(
    start: ChainStart | None,
    newest: Manifest | None,
    unsealed: Mapping[int, Sequence[Part]],
    topic: Mapping[int, _LaneEnds],
) -> list[LaneStatus]:
    ends = {lane.lane: lane for lane in newest.lanes} if newest else {}
    lanes = []
    for number in sorted({*topic, *unsealed, *(start.starts if start else ())}):
        end, parts = ends.get(number), unsealed.get(number, ())
        first = end.next_offset if end else (start.offset(number) if start else 0)
        landed_to = parts[-1].next_offset if parts else first
        mark = topic[number].high if number in topic else None
        lag = None if mark is None else mark - landed_to
        lanes.append(LaneStatus(number, landed_to, sum(part.rows for part in parts), mark, lag))
    return lanes


def _look_at_rejects(
    stream: Stream,
    store: ObjectStore,
    manifests: Sequence[Manifest],
    unsealed: Mapping[int, Sequence[Part]],
    found: StreamStatus,
) -> None:
    rejected = rejected_of(manifests, unsealed, AgainChain(store, stream.name).objects_from(0))
    found.rejected, found.rows_again_unsealed = rejected.rejected, rejected.waiting
    parts = [*(part for manifest in manifests for part in manifest.parts), *itertools.chain(*unsealed.values())]
    found.skipped, found.deletes = sum(part.skipped for part in parts), sum(part.deletes for part in parts)
    try:
        found.reasons = newest_reasons(store, stream.name, rejected).first()
    except ChainError as error:
        found.unreachable.append(str(error))


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


def _print(found: StreamStatus, stream_path: str) -> None:
    console = output(width=120)
    batches = Table(
        "batch", "rows", "rejected", "skipped", "cut by", "sealed at", "versions", title=f"stream {found.stream}"
    )
    for batch in found.batches:
        versions = ", ".join(f"{model} v{batch.batch} {state}" for model, state in batch.versions.items())
        rows = f"{batch.rows:,}" + (f", {batch.rows_again:,} again" if batch.rows_again else "")
        without_row = f"{batch.rejected:,}", f"{batch.skipped:,}"
        batches.add_row(*(str(batch.batch), rows, *without_row, batch.cut, batch.sealed_at, versions or "–"))
    console.print(batches)
    for lane in found.lanes:
        lag = "lag unknown" if lane.lag is None else f"lag {lane.lag:,}"
        unsealed = "" if lane.unsealed_rows is None else f", {lane.unsealed_rows:,} rows unsealed"
        console.print(f"lane {lane.lane}: landed to {lane.landed_to:,}, {lag}{unsealed}")
    for edit in found.edits:
        console.print(f"edited: {edit}", style="yellow", markup=False, soft_wrap=True)
    if found.rows_again_unsealed:
        console.print(f"{found.rows_again_unsealed:,} rows that were landed again wait for the next batch")
    if found.skipped:
        deletes = f", {found.deletes:,} of them deletes" if found.deletes else ""
        console.print(f"{found.skipped:,} records were skipped: they are meant to make no row{deletes}")
    if found.rejected:
        click.echo(
            f"{found.rejected:,} records are rejected; {remedies.rejects(stream_path)} lists them. Why the newest are:"
        )
    for reason in found.reasons:
        click.echo(f"  {reason}")
    for problem in found.unreachable:
        console.print(f"not asked: {problem}", style="red", markup=False)
