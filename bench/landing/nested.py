"""`python -m bench.landing.nested`: records parsed with columns that lie deeper, beside the same rows flat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import click
import numpy as np
import orjson

from bench import record
from bench.landing.records import STREAM_FILE, flights
from console.commands import Command
from console.ending import run
from contract.stream import Stream
from pipeline.land.formats.format import Chunk
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.stream_file import load_stream

ROWS, CHUNK, RUNS = 50_000, 10_000, 9
Row = dict[str, Any]


def _at(stream: Stream, paths: Mapping[str, str], envelope: str | None = None) -> Stream:
    columns = {name: column.model_copy(update={"path": paths.get(name)}) for name, column in stream.columns.items()}
    records = stream.records.model_copy(update={"envelope": envelope})
    return stream.model_copy(update={"columns": columns, "records": records})


def _cases(stream: Stream) -> dict[str, tuple[Stream, Callable[[Row], object]]]:
    def one(row: Row) -> object:
        return {name: value for name, value in row.items() if name != "air_time"} | {"m": {"t": row["air_time"]}}

    def event(row: Row) -> object:
        return {"before": None, "after": row, "source": {"db": "d", "table": "flights"}, "op": "c", "ts_ms": 1}

    return {
        "flat": (stream, lambda row: row),
        "one path": (_at(stream, {"air_time": "m.t"}), one),
        "all in one object": (_at(stream, {name: f"m.{name}" for name in stream.columns}), lambda row: {"m": row}),
        "change events": (_at(stream, {}, "debezium"), event),
    }


def _seconds(reader: WholeRecords, chunks: list[Chunk]) -> float:
    began = time.process_time()
    for chunk in chunks:
        if reader.parse(chunk).rows.num_rows != len(chunk.values):
            raise SystemExit("a record was rejected")
    return time.process_time() - began


@click.command(cls=Command, examples=[""])
def main() -> None:
    """Print the least time a record of each, in turn, and how many times that of the flat ones it is."""
    rows: list[Row] = [orjson.loads(record) for record in flights()[:ROWS]]
    readers, chunks = {}, {}
    for name, (stream, write) in _cases(load_stream(STREAM_FILE)).items():
        readers[name] = WholeRecords(stream)
        values = [orjson.dumps(write(row)) for row in rows]
        none: list[Any] = [None] * CHUNK
        pieces = [values[first : first + CHUNK] for first in range(0, ROWS, CHUNK)]
        chunks[name] = [Chunk(piece, none, none, np.zeros(CHUNK, dtype=np.int64)) for piece in pieces]
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(RUNS):
        for name, reader in readers.items():
            best[name] = min(best[name], _seconds(reader, chunks[name]))
    for name, seconds in best.items():
        print(f"{name:<18} {seconds / ROWS * 1e6:5.2f} µs a record  {seconds / best['flat']:.2f} ×")
        record.fact(f"parsed, {name}", cpu_us=seconds / ROWS * 1e6)
    record.figure("landing.nested.one_path", best["one path"] / best["flat"])


if __name__ == "__main__":
    run(main, prog_name="python -m bench.landing.nested")
