"""Each reader on standard input's cases and flights, in an environment of its own: one JSON object of what they did."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import arro3.core  # type: ignore[import-not-found] # these are of the bench's own environment
import arro3.io  # type: ignore[import-not-found]
import duckdb  # type: ignore[import-not-found]
import polars as pl  # type: ignore[import-not-found]
import pyarrow as pa

Read = Callable[[list[bytes]], pa.Table]
# Per column type: Arrow's, DuckDB's and polars' own.
TYPES: dict[str, tuple[Any, str, Any]] = {
    "int32": (pa.int32(), "INTEGER", pl.Int32),
    "int64": (pa.int64(), "BIGINT", pl.Int64),
    "float64": (pa.float64(), "DOUBLE", pl.Float64),
    "bool": (pa.bool_(), "BOOLEAN", pl.Boolean),
    "string": (pa.string(), "VARCHAR", pl.String),
    "timestamp": (pa.timestamp("us", "UTC"), "TIMESTAMPTZ", pl.Datetime("us", "UTC")),
    "decimal(20,3)": (pa.decimal128(20, 3), "DECIMAL(20,3)", pl.Decimal(20, 3)),
}
RUNS = 9


def readers(columns: dict[str, str]) -> dict[str, Read]:
    """Return the readers of records that have ``columns``."""
    base = duckdb.connect()
    base.execute("SET threads = 1; SET timezone = 'UTC'")
    structure = json.dumps({name: TYPES[kind][1] for name, kind in columns.items()})
    arrow = arro3.core.Schema.from_arrow(pa.schema([(name, TYPES[kind][0]) for name, kind in columns.items()]))
    of_polars = {name: TYPES[kind][2] for name, kind in columns.items()}

    def duck(function: str) -> Read:
        def read(values: list[bytes]) -> pa.Table:
            records = pa.table({"v": pa.array(values, pa.binary()).cast(pa.string())})  # noqa: F841 - DuckDB sees it
            return base.sql(f"SELECT unnest({function}(v, '{structure}')) FROM records").to_arrow_table()

        return read

    def lines(values: list[bytes]) -> pa.Table:
        return pl.read_ndjson(io.BytesIO(b"\n".join(values)), schema=of_polars).to_arrow()

    def decoded(values: list[bytes]) -> pa.Table:
        texts = pl.Series(pa.array(values, pa.binary()).cast(pa.string()))
        return texts.str.json_decode(pl.Struct(of_polars)).struct.unnest().to_arrow()

    def rust(values: list[bytes]) -> pa.Table:
        return pa.table(arro3.io.read_json(io.BytesIO(b"\n".join(values)), schema=arrow).read_all())

    return {
        "DuckDB from_json_strict": duck("from_json_strict"), "DuckDB from_json": duck("from_json"),
        "polars read_ndjson": lines, "polars json_decode": decoded, "arro3 read_json": rust,
    }  # fmt: skip


def outcome(read: Read, values: list[bytes]) -> str:
    """Return the rows as text, `refused`, or `died`: some end the process."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            said = repr(read(values).to_pylist())
        except Exception:
            said = "refused"
        os.write(writing, said.encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        heard = pipe.read()
    os.waitpid(child, 0)
    return heard.decode() or "died"


def seconds(read: Read, chunks: list[list[bytes]]) -> float:
    """Return the CPU time of the quickest of some runs."""
    taken = []
    for _ in range(RUNS):
        began = time.process_time()
        for chunk in chunks:
            read(chunk)
        taken.append(time.process_time() - began)
    return min(taken)


def main() -> None:
    """Print what each made of each case, and its seconds for the flights."""
    asked = json.load(sys.stdin)
    said: dict[str, dict[str, str]] = {}
    for columns, cases in asked["cases"]:
        for name, read in readers(columns).items():
            for case, values in cases.items():
                said.setdefault(name, {})[case] = outcome(read, [base64.b64decode(value) for value in values])
    chunks = [[value.encode() for value in chunk] for chunk in asked["chunks"]]
    timed = {name: seconds(read, chunks) for name, read in readers(asked["chunk_columns"]).items()}
    print(json.dumps({"said": said, "seconds": timed}))


if __name__ == "__main__":
    main()
