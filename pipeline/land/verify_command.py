"""`python -m pipeline verify`."""

from __future__ import annotations

import dataclasses
import json
import sys

import click
from rich.table import Table

from console.commands import Command
from console.exit_codes import DONE, FAILED
from console.output import output
from console.progress import step
from contract.errors import ChainError
from contract.stream import Stream
from pipeline.land.chain import parts_listed
from pipeline.land.chain_start import ChainStart, read_start, refuse_other_topic
from pipeline.land.topic import Topic, make_consumer, watermarks
from pipeline.land.verify import BatchProof, Proof, verify_stream
from pipeline.land.verify_columns import LandedObject, said_changes, unreadable_columns
from pipeline.object_store import ObjectStore
from pipeline.settings import kafka_settings, store_settings
from pipeline.stream_file import load_stream


@click.command(
    cls=Command,
    examples=["--stream streams/flights.yaml --against-topic", "--stream streams/flights.yaml --json"],
    exits={DONE: "the proof holds", FAILED: "the proof fails, or could not be made"},
)
@click.option("--stream", "stream_path", metavar="PATH", required=True, help="Stream file, e.g. streams/flights.yaml.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
@click.option("--against-topic", is_flag=True, help="Compare both ends with the topic's watermarks too.")
def verify(stream_path: str, *, as_json: bool, against_topic: bool) -> None:
    """Prove from the objects that each offset is in exactly one batch, reject or gap, or skipped.

    Says too where columns changed, and whether the stream file can read what was landed.
    """
    stream = load_stream(stream_path)
    store = ObjectStore.answering(store_settings())
    landed: dict[str, LandedObject] = {}
    with step(f"verify {stream.name}", unit="parts") as shown:
        shown.total = parts_listed(store, stream.name)
        proof = verify_stream(store, stream.name, landed, shown.advance)
    proof.problems += unreadable_columns(stream, stream_path, landed)
    start = read_start(store, stream.name)
    if against_topic and start is not None:
        _compare_with_topic(stream, start, proof)
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(proof), "holds": not proof.problems}, indent=1))
    else:
        _print(proof)
    sys.exit(FAILED if proof.problems else DONE)


def _compare_with_topic(stream: Stream, start: ChainStart, proof: Proof) -> None:
    kafka = kafka_settings()
    topic_id, partitions = Topic(stream.topic, kafka).describe()
    try:
        refuse_other_topic(stream.name, (start.topic, start.topic_id), (stream.topic, topic_id))
    except ChainError as error:
        proof.problems.append(str(error))
        return
    proof.problems.extend(
        f"lane {lane} has landed, and the topic has {partitions} partitions"
        for lane in proof.lanes
        if lane >= partitions
    )
    consumer = make_consumer(kafka, stream.consumer_group)
    try:
        for lane in range(partitions):
            low, high = watermarks(consumer, stream.topic, lane, kafka["bootstrap.servers"])
            found = proof.lanes.get(lane)
            if found is None:
                if high > max(low, start.offset(lane)):
                    proof.problems.append(f"lane {lane} has landed nothing, and the topic holds {high - low} records")
                continue
            found.low_watermark, found.high_watermark = low, high
            if found.next_offset > high:
                proof.problems.append(f"lane {lane} landed up to {found.next_offset}, the topic ends at {high}")
            elif found.next_offset < high:
                proof.problems.append(f"lane {lane}: offsets {found.next_offset} to {high - 1} have not landed yet")
            # A chain that was told where to begin leaves out what lies before.
            if found.first_offset > max(low, start.offset(lane)):
                proof.problems.append(f"lane {lane}: the topic begins at {low}, the chain at {found.first_offset}")
    finally:
        consumer.close()


def _landed_again(batch: BatchProof) -> str:
    """Return how many of the batch's rejects are rows of which other batch by now, and how many of its rows were."""
    went = [f"{count:,} in {f'batch {to}' if to else 'none yet'}" for to, count in batch.landed_again_in.items()]
    return "; ".join([*went, *([f"{batch.rows_again:,} here"] if batch.rows_again else [])]) or "–"


def _deletes(count: int) -> str:
    return f" ({count:,} deletes)" if count else ""


def _print(proof: Proof) -> None:
    console = output(width=120)
    batches = Table(
        "batch", "rows", "rejected", "landed again", "gaps", "skipped", "lane: offsets", "cut by",
        title=f"stream {proof.stream}",
    )  # fmt: skip
    for batch in proof.batches:
        offsets = ", ".join(f"{lane}: {first}-{end - 1}" for lane, (first, end) in batch.offsets.items())
        batches.add_row(
            *(str(batch.batch), f"{batch.rows:,}", f"{batch.rejected:,}", _landed_again(batch)),
            *(f"{batch.gap_records:,}", f"{batch.skipped:,}{_deletes(batch.deletes)}", offsets, batch.cut),
        )
    console.print(batches)
    for lane in proof.lanes.values():
        total = lane.rows + lane.rejected + lane.landed_again + lane.gap_records + lane.skipped
        console.print(
            f"lane {lane.lane}: offsets {lane.first_offset} to {lane.next_offset - 1} = {total:,} = {lane.rows:,} rows "
            f"+ {lane.rejected:,} rejected"
            + (f" + {lane.landed_again:,} rejected and landed again" if lane.landed_again else "")
            + (f" + {lane.skipped:,} skipped" if lane.skipped else "")
            + _deletes(lane.deletes)
            + f" + {lane.gap_records:,} in gaps, in {lane.parts} parts"
            + (f"; {lane.unsealed_rows:,} rows wait for their batch" if lane.unsealed_rows else "")
        )
    if proof.rows_again_unsealed:
        console.print(f"{proof.rows_again_unsealed:,} rows that were landed again wait for their batch")
    for change in said_changes(proof.columns):
        console.print(change, markup=False)
    for problem in proof.problems:
        console.print(f"PROBLEM {problem}", style="red", markup=False)
    console.print("every offset is in exactly one place" if not proof.problems else "the proof FAILS")
