"""What `describe` writes for any table, however it is written, is a stream file with which replay reads every row."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import shutil
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contract.column_types import decimal_digits
from contract.errors import SourceFileError
from contract.stream import Stream, parse_stream
from pipeline.describe.describe_file import description_of
from pipeline.describe.describe_topic import Told, description_of_topic
from pipeline.describe.sample import Sample
from pipeline.describe.stream_text import stream_text
from pipeline.describe.tables import table_of
from pipeline.land.formats.format import Chunk
from pipeline.land.record_format import record_format
from pipeline.replay.source import read_rows

# Shrinking a failure of whole files would take minutes.
EXAMPLES = settings(deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
WORDS = st.sampled_from(
    [
        "NA",
        "NULL",
        "",
        "-",
        "nan",
        "1",
        "0",
        "true",
        "no",
        "007",
        "1,5",
        "1.234",
        "2013-01-01",
        "12:30",
        "+5",
        "1e5",
        " 7",
    ]
)


def _stop(error: SourceFileError) -> None:
    raise error


def described(path: Path) -> tuple[Stream, str]:
    """Return the stream that the written text is; where it lacks features, with one that is there."""
    text = "\n".join(stream_text(description_of(table_of(path), path))) + "\n"
    return parse_stream(text, "s.yaml"), text


YES = {"true", "t", "yes", "y", "on", "1"}
MEANT: dict[str, Callable[[str], Any]] = {
    "string": str, "int64": int, "float64": float, "bool": lambda cell: cell.strip().lower() in YES
}  # fmt: skip


def _value_of(cell: str, stream: Stream, column: str) -> Any:
    """Return what a plain cell means by the type that was proposed, by other means than replay's; ...: not told."""
    kind = stream.columns[column].type
    if cell in stream.null_values:
        return None
    if kind.startswith(("int", "float", "decimal")):
        cell = cell.replace(stream.written.thousands or "\0", "").replace(stream.written.decimal, ".")
    if (digits := decimal_digits(kind)) is not None:
        return f"{Decimal(cell):.{digits[1]}f}"
    return MEANT[kind](cell) if kind in MEANT else ...


CELLS = st.one_of(
    TEXT, WORDS, st.integers(-(2**70), 2**70).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.booleans().map(str),
)  # fmt: skip
COLUMN = st.sampled_from([
    CELLS, TEXT, WORDS, st.integers().map(str), st.integers(-5, 5).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.just("NA"), st.booleans().map(str) | st.just(""),
    st.decimals(-1000, 1000, places=2, allow_nan=False).map(str), st.sampled_from(["yes", "no"]), st.just(""),
    st.just("NA"),
])  # fmt: skip


@given(st.data())
@settings(EXAMPLES, max_examples=60)
def test_any_text_is_read_as_it_was_described(tmp_path: Path, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(COLUMN, min_size=1, max_size=4))
    rows = data.draw(st.lists(st.tuples(*kinds), min_size=1, max_size=12))
    names = data.draw(
        st.lists(
            TEXT.filter(lambda name: name.strip() and not name.startswith("\ufeff")),
            min_size=len(kinds),
            max_size=len(kinds),
        )
    )
    delimiter, encoding = (
        data.draw(st.sampled_from(",;\t|")),
        data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
    )
    text = io.StringIO()
    # Python quotes a carriage return only where lines end in one.
    all_quoted, end = data.draw(st.sampled_from([(True, "\n"), (True, "\r\n"), (False, "\r\n")]))
    dialect: dict[str, Any] = {"delimiter": delimiter, "lineterminator": end}
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, **dialect) if all_quoted else csv.writer(text, **dialect)
    # A number that is none of its column's name tells a header from rows; a feature makes the file whole.
    writer.writerows([["x_number", *names], *([f"{place}.25", *row] for place, row in enumerate(rows))])
    path = tmp_path / "a.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    stream, said = described(path)
    found = [row.values for row in read_rows(path, stream, _stop)]
    assert len(found) == len(rows), said
    cells_of = [[f"{place}.25", *row] for place, row in enumerate(rows)]
    for place, column in enumerate(stream.columns):
        for row, cells in zip(found, cells_of, strict=True):
            if (meant := _value_of(cells[place], stream, column)) is not ...:
                assert row[column] == meant, said
            assert row[column] is not None or not stream.columns[column].required


WHEN = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))
WRITTEN = st.sampled_from(
    ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%H:%M:%S", "%d %b %Y"]
)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".csv": bytes, ".csv.gz": gzip.compress, ".csv.bz2": bz2.compress, ".csv.xz": lzma.compress
}  # fmt: skip


@given(
    st.lists(st.tuples(WHEN, st.floats(-1e9, 1e9), st.integers(-(10**9), 10**9)), min_size=1, max_size=8),
    WRITTEN, st.tuples(st.sampled_from([",", ";"]), st.sampled_from(sorted(PACKED)), st.booleans()),
)  # fmt: skip
@settings(EXAMPLES, max_examples=40)
def test_times_and_numbers_of_known_forms_are_read(
    tmp_path: Path, rows: list[tuple[datetime, float, int]], form: str, file: tuple[str, str, bool]
) -> None:
    delimiter, suffix, header = file
    said = ["at;x;n"] if header else []
    said += [f"{when.strftime(form)};{x:.2f};{n:,}" for when, x, n in rows]
    if delimiter == ",":
        said = [line.replace(",", "").replace(";", ",") for line in said]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACKED[suffix]("\n".join([*said, ""]).encode()))
    stream, text = described(path)
    found = list(read_rows(path, stream, _stop))
    assert len(found) in {len(rows), len(said) - 1}, text


NAMES = st.sampled_from(["a", "b.c", "é", ""])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT | WORDS | WHEN.map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
RECORDS = st.lists(st.dictionaries(st.sampled_from(["x", "y", "a b"]), JSON_VALUES, max_size=3), min_size=1, max_size=8)


@given(RECORDS, st.integers(0, 2))
@settings(EXAMPLES, max_examples=60)
def test_any_json_records_are_landed_as_they_were_described(records: list[dict[str, Any]], tombstones: int) -> None:
    rows = [json.dumps({"x_number": n, **record}).encode() for n, record in enumerate(records)]
    values = [None] * tombstones + rows
    sample = Sample("t", len(values), 1, values=values, keys=[b"k"] * len(values))
    found = description_of_topic(sample, Told(format="json"))
    stream = parse_stream(text := "\n".join(stream_text(found)) + "\n", "s.yaml")
    parse = record_format(stream, "")[0].parse
    chunk = Chunk(values, sample.keys, [()] * len(values), np.zeros(len(values), np.int64))
    landed = parse(chunk)
    assert [rejected.reason for rejected in landed.rejected] == [], (text, rows)
    assert landed.rows.num_rows == len(records)


@given(RECORDS)
@settings(EXAMPLES, max_examples=40)
def test_any_json_lines_are_read_as_they_were_described(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"x_number": n, **record}) + "\n" for n, record in enumerate(records)))
    stream, text = described(path)
    assert len(list(read_rows(path, stream, _stop))) == len(records), text


ARROW_KINDS = st.sampled_from([
    (pa.int8(), st.integers(-128, 127)), (pa.uint64(), st.integers(0, 2**64 - 1)), (pa.float32(), st.floats(width=32)),
    (pa.timestamp("ms"), WHEN), (pa.timestamp("us", "UTC"), WHEN), (pa.date32(), WHEN.map(datetime.date)),
    (pa.decimal128(20, 3), st.decimals(-1000, 1000, places=3)), (pa.bool_(), st.booleans()), (pa.binary(), st.binary()),
    (pa.string(), TEXT), (pa.time64("us"), st.times()),
])  # fmt: skip


@given(st.data())
@settings(EXAMPLES, max_examples=40)
def test_any_parquet_is_read_as_it_was_described(tmp_path: Path, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 6))
    columns = {"x_number": pa.array(range(rows))}
    for name in data.draw(st.lists(st.sampled_from(["a", "b", "c d"]), unique=True)):
        kind, values = data.draw(ARROW_KINDS)
        columns[name] = pa.array(data.draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
    table = pa.table(columns)
    if data.draw(st.booleans()):
        pq.write_table(table, path := tmp_path / "a.parquet")
    else:
        with pa.ipc.new_file(path := tmp_path / "a.arrow", table.schema) as file:
            file.write_table(table)
    try:
        stream, text = described(path)
    except SourceFileError as error:
        assert "infinity" in str(error)
        return
    assert len(list(read_rows(path, stream, _stop))) == rows, text


FREE_CELL = st.sampled_from(["1", "2.5", "a", "", "NA", "1,5", "2024-01-01", '"', '"x\ny"', "é", " 7", "yes"])
FREE_ROW = st.lists(FREE_CELL, min_size=1, max_size=4)
FREE_FILE = st.tuples(
    st.lists(FREE_ROW, min_size=1, max_size=10), st.sampled_from(",;"), st.sampled_from(["utf-8", "cp1252", "utf-16"])
)  # fmt: skip


@given(st.lists(FREE_FILE, min_size=1, max_size=2), st.integers(0, 3), st.booleans())
@settings(EXAMPLES, max_examples=120)
def test_what_replay_refuses_of_any_files_is_told(
    tmp_path: Path, files: list[tuple[list[list[str]], str, str]], plain: int, damaged: bool
) -> None:
    shutil.rmtree(directory := tmp_path / "all", ignore_errors=True)
    directory.mkdir()
    for place, (rows, delimiter, encoding) in enumerate(files):
        # Rows of one width and kind, so that not all of the files are refused.
        lines = [["x", "y", "z"], *[[str(n), f"{n}.5", "w"] for n in range(plain)], *rows] if plain else rows
        written = ("\n".join(map(delimiter.join, lines)) + "\n").encode(encoding)
        damage = delimiter.join(["\xf6", *lines[0][1:]]).encode("cp1252") + b"\n"
        (directory / f"{place}.csv").write_bytes(written + (damage if damaged and encoding != "utf-16" else b""))
    try:
        table = table_of(directory)
        found = description_of(table, directory)
    except SourceFileError:
        return
    if not found.proposal:
        return
    stream = parse_stream("\n".join(stream_text(found)) + "\n", "s.yaml")
    bad: list[SourceFileError] = []
    assert len(list(read_rows(directory, stream, bad.append))) == table.rows, (lines, found.notes)
    assert len(bad) == table.bad, (bad, table.first_bad)
