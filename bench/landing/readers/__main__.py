"""`python -m bench.landing.readers`: what other readers of JSON take, and what they make of records that are not plain.

Each is judged by landing's own reader: the same rows, bit for bit, or the same refusal.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path
from typing import TypedDict

import click

from bench import peers
from bench.landing.readers.cases import CASES, COLUMNS, DECIMAL_CASES, DECIMALS, GOOD, GOOD_DECIMAL
from bench.landing.records import STREAM_FILE, flights
from console.commands import Command
from console.ending import run
from contract.stream import Stream, parse_stream
from pipeline.land.formats.json_records import JsonRecords
from pipeline.stream_file import load_stream

HERE = Path(__file__).parent
ROWS, CHUNK, RUNS = 50_000, 10_000, 9
Cases = dict[str, list[bytes]]


class Found(TypedDict):
    """What each reader said of each case, and its seconds of CPU for the flights."""

    said: dict[str, dict[str, str]]
    seconds: dict[str, float]


def _cases(groups: dict[str, Cases], good: bytes) -> Cases:
    return {f"{title}: {name}": [good, *values, good] for title, of in groups.items() for name, values in of.items()}


def _reader(stream: Stream) -> JsonRecords:
    return JsonRecords(stream.value_columns, stream.value_paths)


def _ours(columns: dict[str, str], values: list[bytes]) -> str:
    written = "".join(f"  {name}: {kind}\n" for name, kind in columns.items())
    more = f"cut: {{rows: 1}}\nfeatures: [{next(iter(columns))}]\nmodel: {{k: 2}}\n"
    parsed = _reader(parse_stream(f"name: s\ntopic: s\ncolumns:\n{written}{more}", "s.yaml")).parse(values)
    return "refused" if parsed.rejected else repr(parsed.rows.to_pylist())


def _seconds(chunks: list[list[bytes]]) -> float:
    reader, taken = _reader(load_stream(STREAM_FILE)), []
    for _ in range(RUNS):
        began = time.process_time()
        for chunk in chunks:
            reader.parse(chunk)
        taken.append(time.process_time() - began)
    return min(taken)


def _others(sets: list[tuple[dict[str, str], Cases]], chunks: list[list[bytes]]) -> Found:
    asked = {
        "cases": [
            (columns, {name: [base64.b64encode(value).decode() for value in values] for name, values in cases.items()})
            for columns, cases in sets
        ],
        "chunk_columns": {name: column.type for name, column in load_stream(STREAM_FILE).columns.items()},
        "chunks": [[value.decode() for value in chunk] for chunk in chunks],
    }
    done = subprocess.run(
        [peers.python(HERE.parent / "peers" / "readers.txt"), str(HERE / "others.py")], input=json.dumps(asked),
        text=True, check=True, stdout=subprocess.PIPE, env={"POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    found: Found = json.loads(done.stdout)
    return found


@click.command(cls=Command, examples=[""])
def main() -> None:
    """Print the CPU time of a record of each reader, and the cases in which it says another thing than landing's."""
    sets = [(COLUMNS, _cases(CASES, GOOD)), (DECIMALS, _cases(DECIMAL_CASES, GOOD_DECIMAL))]
    records = flights()[:ROWS]
    chunks = [records[first : first + CHUNK] for first in range(0, ROWS, CHUNK)]
    expected = {name: _ours(columns, values) for columns, cases in sets for name, values in cases.items()}
    print(f"{'landing (Arrow, with the proof)':<32} {_seconds(chunks) / ROWS * 1e6:5.2f} µs a record")
    found = _others(sets, chunks)
    for reader, said in found["said"].items():
        print(f"{reader:<32} {found['seconds'][reader] / ROWS * 1e6:5.2f} µs a record")
        for case in (case for case in expected if said[case] != expected[case]):
            print(f"    {case}: {said[case] if said[case] in {'refused', 'died'} else 'taken, or as another value'}")


if __name__ == "__main__":
    run(main, prog_name="python -m bench.landing.readers")
