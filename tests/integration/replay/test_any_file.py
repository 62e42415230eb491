"""A file of every type, written as nobody at home would: to the topic, into batches, proved, and gone on with."""

from __future__ import annotations

import binascii
import bz2
import io
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from pyarrow import ipc

from contract.errors import SwatheError
from pipeline.replay.command import replay
from tests.line import Line

COLUMNS = """
columns:
  n: {type: int, required: true, from: ""}
  x: {type: double, from: "x (m.)"}
  s: text
  p: {type: "decimal(30,4)", percent: true}
  day: {type: date, format: "%d.%m.%Y"}
  at: time
  raw: binary
  t: {type: timestamp, zone: Europe/Berlin, format: "%d/%m/%Y %H:%M"}
  ok: boolean
source: {encoding: utf-16, decimal: ",", thousands: ".", key: day}
null_values: ["-"]
id: [n, day, p]
event_time: t
"""


@dataclass
class AnyLine(Line):
    """Rows of every type, from files with semicolons in UTF-16."""

    @property
    def file(self) -> Path:
        """The stream file."""
        path = super().file
        head, _, tail = path.read_text().partition("columns:")
        path.write_text(head + COLUMNS.lstrip() + tail[tail.index("cut:") :].replace("[x]", "[x, p]"))
        return path


@pytest.fixture
def line(services_environment: dict[str, str], tmp_path: Path) -> AnyLine:
    return AnyLine(services_environment, tmp_path)


def _send(line: Line, file: str, *arguments: str, typed: bytes = b"") -> str:
    """Replay in this process; return what was said, or the error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        result = CliRunner().invoke(replay, ["--stream", str(line.file), "--file", file, *arguments], input=typed)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if result.exception is not None and not isinstance(result.exception, SwatheError | SystemExit):
        raise result.exception
    return result.output + (str(result.exception) if isinstance(result.exception, SwatheError) else "")


def _meant(n: int) -> dict[str, Any]:
    """Return row n as it has to land; every third value of a column is missing."""
    row: dict[str, Any] = {
        "x": n * 1000 + 0.5, "s": "zwölf;\n\"mal\"", "p": Decimal(10**25 + n) / Decimal(10**4),
        "day": date(2024, 2, 27) + timedelta(n), "at": time(n % 24, 30), "raw": bytes([n, 255]),
        "t": datetime(2024, 3, 31, 0, 30, tzinfo=UTC) + timedelta(hours=n), "ok": n % 2 == 0,
    }  # fmt: skip
    return {"n": 2**53 + n, **{name: None if (n + place) % 3 == 0 else row[name] for place, name in enumerate(row)}}


def _written(row: dict[str, Any]) -> Iterator[str]:
    clock = row["t"] and row["t"] + timedelta(hours=1 if row["t"] < datetime(2024, 3, 31, 1, tzinfo=UTC) else 2)
    yield f"{row['n']}"
    yield "-" if row["x"] is None else f"{row['x']:,}".translate(str.maketrans(",.", ".,"))
    yield "-" if row["s"] is None else '"zwölf;\n""mal"""'
    yield "-" if row["p"] is None else f"{row['p']:,f} %".translate(str.maketrans(",.", ".,"))
    yield f"{row['day']:%d.%m.%Y}" if row["day"] else "-"
    yield f"{row['at']:%H:%M}" if row["at"] else "-"
    yield "-" if row["raw"] is None else binascii.b2a_base64(row["raw"], newline=False).decode()
    yield f"{clock:%d/%m/%Y %H:%M}" if clock else "-"
    yield {None: "-", True: "Yes", False: "No"}[row["ok"]]


def _text(numbers: range) -> bytes:
    lines = [";x (m.);s;p;day;at;raw;t;ok", *(";".join(_written(_meant(n))) for n in numbers)]
    return "\r\n".join([*lines, ""]).encode("utf-16")


def test_every_type_lands_from_any_file_and_is_gone_on_with(line: AnyLine, tmp_path: Path) -> None:
    (directory := tmp_path / "data").mkdir()
    (directory / "a.csv.bz2").write_bytes(bz2.compress(_text(range(4))))
    (directory / "b.txt").write_bytes(_text(range(4, 7)))
    said = _send(line, str(directory), "--partitions", "2")
    assert said == f"sent 7 rows of data to topic {line.name}\n"

    # The same rows from Arrow, packed and named otherwise, and more of them: only these are sent.
    rows = [_meant(n) for n in range(9)]
    schema = pa.schema({"": pa.int64(), "x (m.)": pa.float64(), "s": pa.string(), "p": pa.decimal128(30, 4),
                        "day": pa.date32(), "at": pa.time64("ns"), "raw": pa.large_binary(),
                        "t": pa.timestamp("ns", "UTC"), "ok": pa.bool_()})  # fmt: skip
    named = [dict(zip(schema.names, row.values(), strict=True)) for row in rows]
    with ipc.new_file(str(tmp_path / "rows"), schema) as writer:
        writer.write_table(pa.Table.from_pylist(named, schema))
    assert "sent 2 rows of rows to topic" in _send(line, str(tmp_path / "rows"))
    (directory / "c.csv").write_bytes(_text(range(7, 10)))
    assert "sent 1 rows of * to topic" in _send(line, str(directory / "*"))

    piped = _text(range(10, 12))
    assert "standard input is read once" in _send(line, "-", "--stamp", typed=piped)
    assert "sent 2 rows of - to topic" in _send(line, "-", typed=piped)
    assert "holds rows of standard input already" in _send(line, "-", typed=piped)

    line.land()
    landed = sorted(line.rows(), key=lambda row: int(row["n"]))
    assert [{name: row[name] for name in _meant(0)} for row in landed] == [_meant(n) for n in range(12)]
    assert [row["_key"] for row in landed] == [str(row["day"]).encode() if row["day"] else None for row in landed]
    ((part, *_),) = [manifest.parts for manifest in line.manifests()]
    body = line.store.get(part.key)
    assert body is not None
    types = {field.name: str(field.type) for field in pq.read_schema(io.BytesIO(body[0]))}
    assert [types[name] for name in ("p", "day", "at", "raw")] == [
        "decimal128(30, 4)", "date32[day]", "time64[us]", "binary"
    ]  # fmt: skip
    # Keys that are no numbers hide no file from the parts.
    assert [len(held.sources) for held in line.manifests()[0].parts] == [3, 4]
    line.assert_proved()
