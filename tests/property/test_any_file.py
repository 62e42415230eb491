"""Whatever a table is written as (dialect, encoding, packing, text or Arrow), replay reads the same rows from it."""

from __future__ import annotations

import binascii
import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from contract.errors import SourceFileError
from contract.stream import Stream, parse_stream
from pipeline.replay.source import read_rows

COLUMNS = {
    "i": "int64", "f": "float64", "d": "decimal(30,4)", "b": "bool", "s": "string", "t": "timestamp", "day": "date",
    "at": "time", "raw": "binary",
}  # fmt: skip
SCHEMA = pa.schema({
    "i": pa.int64(), "f": pa.float64(), "d": pa.decimal128(30, 4), "b": pa.bool_(), "s": pa.string(),
    "t": pa.timestamp("us"), "day": pa.date32(), "at": pa.time64("us"), "raw": pa.binary(),
})  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries({
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "d": st.none() | st.integers(-(10**30) + 1, 10**30 - 1).map(lambda number: Decimal(f"{number}e-4")),
        "b": st.none() | st.booleans(),
        "s": st.none() | TEXT,
        "t": st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
        "day": st.none() | st.dates(),
        "at": st.none() | st.times(),
        "raw": st.none() | st.binary(min_size=1, max_size=6),
    }),
    min_size=1, max_size=4,
)  # fmt: skip


def _zip(body: bytes) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        archive.writestr("inner.txt", body)
    return found.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
    ".zst": lambda body: pa.compress(body, codec="zstd", asbytes=True), ".zip": _zip,
}  # fmt: skip


def _stream(source: dict[str, Any], **keys: dict[str, Any]) -> Stream:
    columns = {name: {"type": kind, **keys.get(name, {})} for name, kind in COLUMNS.items()}
    given = {
        "name": "s", "topic": "s", "columns": columns, "null_values": ["NULL"], "source": source, "cut": {"rows": 1},
        "features": ["f"], "model": {"k": 2},
    }  # fmt: skip
    return parse_stream(yaml.safe_dump(given), "s.yaml")


def _stop(error: SourceFileError) -> None:
    raise error


def _read(path: Path, stream: Stream) -> list[dict[str, Any]]:
    return [row.values for row in read_rows(path, stream, _stop)]


def _meant(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as a record carries it, by other means than replay's."""
    found = {name: value.isoformat() if isinstance(value, date | time) else value for name, value in row.items()}
    if row["t"] is not None:
        found["t"] = row["t"].replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    if row["d"] is not None:
        found["d"] = f"{row['d']:.4f}" if row["d"] else "0.0000"
    if row["raw"] is not None:
        found["raw"] = binascii.b2a_base64(row["raw"], newline=False).decode()
    return found


def _grouped(number: str, decimal: str, thousands: str) -> str:
    return f"{Decimal(number):,f}".translate({ord(","): thousands, ord("."): decimal})


@given(ROWS, st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_reads_back_the_same(tmp_path: Path, rows: list[dict[str, Any]], data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030"]))
    delimiter, told = data.draw(st.sampled_from(",;\t|~")), data.draw(st.booleans())
    header = data.draw(st.booleans())
    decimal, thousands = data.draw(st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", "")]))
    yes, no = data.draw(st.sampled_from([("Yes", "No"), ("t", "F"), ("1", "0"), ("ON", "off"), ("TRUE", "false")]))
    suffix = data.draw(st.sampled_from(list(PACKED)))
    named = data.draw(st.booleans())
    cells = [
        ["NULL" if (value := meant[name]) is None
         else (yes if value else no) if name == "b"
         else _grouped(f"{row[name]}", decimal, thousands) if name in {"i", "d"} and thousands
         else str(value).replace(".", decimal) if name in {"f", "d"}
         else row["day"].strftime("%d/%m/") + f"{row['day'].year:04}" if name == "day"
         else str(value) for name in COLUMNS]
        for row in rows for meant in [_meant(row)]
    ]  # fmt: skip
    text = io.StringIO()
    ends = data.draw(st.sampled_from(["\n", "\r\n"]))
    quoted = data.draw(st.booleans())
    writer = csv.writer(
        text, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    )
    names = [f"{name} (x.y)" for name in COLUMNS]
    writer.writerows([names, *cells] if header else cells)
    source: dict[str, Any] = {"encoding": encoding, "header": header, "decimal": decimal}
    source |= {"thousands": thousands} if thousands else {}
    # What no delimiter is found among, or what one row of many characters may be split by, has to be told.
    source |= {"delimiter": delimiter} if told or delimiter == "~" or not header else {}
    froms = {name: {"from": names[place] if header else place + 1} for place, name in enumerate(COLUMNS)}
    froms["day"]["format"] = "%d/%m/%Y"
    stream = _stream(source, **froms)
    path = tmp_path / (f"a.csv{suffix}" if named else "a")
    path.write_bytes(PACKED[suffix](text.getvalue().encode(encoding)))
    assert _read(path, stream) == [_meant(row) for row in rows]


@given(ROWS, st.sampled_from(["parquet", "file", "stream", "jsonl"]), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrow_parquet_and_json_lines_read_back_the_same(
    tmp_path: Path, rows: list[dict[str, Any]], form: str, named: bool
) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    path = tmp_path / {"parquet": "a.parquet", "file": "a.feather", "stream": "a.arrow", "jsonl": "a.jsonl"}[form]
    path = path if named or form == "stream" else tmp_path / "a"
    if form == "parquet":
        pq.write_table(table, path)
    elif form == "jsonl":
        written = [json.dumps(_meant(row), ensure_ascii=False) for row in rows]
        path.write_text("\n".join(written) + "\n", encoding="utf-8")
    else:
        make = ipc.new_file if form == "file" else ipc.new_stream
        with make(str(path), SCHEMA) as writer:
            writer.write_table(table, max_chunksize=2)
    assert _read(path, _stream({})) == [_meant(row) for row in rows]
