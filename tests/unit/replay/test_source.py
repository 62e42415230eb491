"""A data file that is not as the stream file says: replay stops, and names file, line and column."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.errors import SourceFileError
from contract.stream import Stream, parse_stream
from pipeline.replay.source import read_rows

HEADER = "i,f,s,t,b,unused"
GOOD = "1,1.5,x,2013-01-01T10:00:00Z,true,9"
ROW = {"i": 1, "f": 1.5, "s": "x", "t": "2013-01-01T10:00:00Z", "b": True}


@pytest.fixture
def stream() -> Stream:
    return parse_stream(
        """
name: s
topic: s
columns: {i: {type: int32}, f: {type: float64}, s: {type: string}, t: {type: timestamp}, b: {type: bool}}
null_values: ["", NA]
cut: {rows: 1}
features: [f]
model: {k: 2}
""",
        "s.yaml",
    )


def _stop(error: SourceFileError) -> None:
    raise error


def _read(path: Path, stream: Stream) -> list[dict[str, Any]]:
    return [row.values for row in read_rows(path, stream, _stop)]


def _csv(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def test_plain_gzip_zip_and_parquet_give_the_same_rows(tmp_path: Path, stream: Stream) -> None:
    text = f"{HEADER}\n{GOOD}\nNA,,NA,,NA,\n"
    plain = tmp_path / "a.csv"
    plain.write_text(text)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", text)
    empty = dict.fromkeys(ROW)
    times = pa.array(["2013-01-01T10:00:00Z", None]).cast(pa.timestamp("ns", tz="UTC"))
    columns = {"i": [1, None], "f": [1.5, None], "s": ["x", None], "b": [True, None], "t": times}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    for path in (plain, packed, tmp_path / "a.zip", tmp_path / "a.parquet"):
        assert _read(path, stream) == [ROW, empty], path


@pytest.mark.parametrize(
    ("cell", "column", "bad"),
    [
        ("x", "i", "x"),
        ("3000000000", "i", "32 bits"),
        ("1_000", "i", "1_000"),
        ("1_0.5", "f", "1_0.5"),
        ("١٢", "f", "١٢"),
        ("nan", "f", "nan"),
        ("soon", "t", "soon"),
        ("yeah", "b", "yeah"),
    ],
)
def test_unreadable_cell(tmp_path: Path, stream: Stream, cell: str, column: str, bad: str) -> None:
    place = HEADER.split(",").index(column)
    fields = GOOD.split(",")
    fields[place] = cell
    path = _csv(tmp_path, HEADER, GOOD, ",".join(fields))
    with pytest.raises(SourceFileError, match=bad) as raised:
        _read(path, stream)
    assert (raised.value.source, raised.value.line, raised.value.column) == (str(path), 3, column)


def test_the_line_is_the_files_line_not_the_row(tmp_path: Path, stream: Stream) -> None:
    path = _csv(tmp_path, HEADER, GOOD.replace("x", '"two\nlines"'), "", GOOD.replace("1.5", "oops"))
    with pytest.raises(SourceFileError) as raised:
        _read(path, stream)
    assert raised.value.line == 5


def test_missing_column(tmp_path: Path, stream: Stream) -> None:
    with pytest.raises(SourceFileError, match="missing; the file has i,") as raised:
        _read(_csv(tmp_path, "i,f,s,t", "1,2,3,4"), stream)
    assert raised.value.column == "b"


def test_parquet_with_columns_that_cannot_be_meant(tmp_path: Path, stream: Stream) -> None:
    path, columns = tmp_path / "a.parquet", {name: [value] for name, value in ROW.items()}
    pq.write_table(pa.table({name: columns[name] for name in "ifst"}), path)
    with pytest.raises(SourceFileError, match="missing; the file has i, f, s, t") as raised:
        _read(path, stream)
    assert raised.value.column == "b"
    pq.write_table(pa.table(columns | {"named": [1]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"named", b"nam\xffd"))
    with pytest.raises(SourceFileError, match=r"a.parquet: not Parquet: 'utf-8' codec"):
        _read(path, stream)
    pq.write_table(pa.table(columns | {"s": [["x"]]}), path)
    with pytest.raises(SourceFileError, match=r"a.parquet:1: column 's': is list<") as raised:
        _read(path, stream)


def test_wrong_encoding(tmp_path: Path, stream: Stream) -> None:
    with pytest.raises(SourceFileError, match="not UTF-8: byte 0xe9") as raised:
        _read(_csv(tmp_path, HEADER, GOOD, GOOD.replace("x", "caf\u00e9").encode("latin-1")), stream)
    assert raised.value.line == 3


def test_what_is_wrong_with_a_long_cell_is_short(tmp_path: Path, stream: Stream) -> None:
    for column in ("i", "f", "t", "b"):
        fields = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | {column: "x" * 1_000_000}
        with pytest.raises(SourceFileError, match="unreadable cell 'xxx") as raised:
            _read(_csv(tmp_path, HEADER, ",".join(fields.values())), stream)
        assert len(str(raised.value)) < 500
        pq.write_table(pa.table({name: [value] for name, value in fields.items()}), tmp_path / "a.parquet")
        with pytest.raises(SourceFileError) as raised:
            _read(tmp_path / "a.parquet", stream)
        assert len(str(raised.value)) < 600


@pytest.mark.parametrize("lines", [(), ("",)])
def test_empty_file(tmp_path: Path, stream: Stream, lines: tuple[str, ...]) -> None:
    with pytest.raises(SourceFileError, match="empty"):
        _read(_csv(tmp_path, *lines), stream)


def test_fields_missing_in_a_row(tmp_path: Path, stream: Stream) -> None:
    with pytest.raises(SourceFileError, match="2 fields where the first line has 6") as raised:
        _read(_csv(tmp_path, HEADER, "1,2"), stream)
    assert raised.value.line == 2


def test_bad_rows_can_be_skipped_and_keep_their_number(tmp_path: Path, stream: Stream) -> None:
    bad: list[SourceFileError] = []
    path = _csv(tmp_path, HEADER, GOOD, "1,2", GOOD.replace("1.5", "?"), GOOD)
    rows = list(read_rows(path, stream, bad.append))
    assert [row.number for row in rows] == [0, 3]
    assert [error.line for error in bad] == [3, 4]


@pytest.mark.parametrize("name", ["none.csv", "none.zip", "none.parquet", "none.csv.gz"])
def test_no_such_file(tmp_path: Path, stream: Stream, name: str) -> None:
    with pytest.raises(SourceFileError, match="No such file"):
        _read(tmp_path / name, stream)


@pytest.mark.parametrize("name", ["broken.zip", "broken.parquet", "broken.csv.gz"])
def test_not_what_its_name_says(tmp_path: Path, stream: Stream, name: str) -> None:
    (tmp_path / name).write_bytes(b"plainly not")
    with pytest.raises(SourceFileError):
        _read(tmp_path / name, stream)


def _count(path: Path, stream: Stream) -> tuple[list[int], list[str]]:
    """Return the numbers of the rows and what was told to be bad, as `--skip-bad` goes on."""
    bad: list[SourceFileError] = []
    return [row.number for row in read_rows(path, stream, bad.append)], [str(error) for error in bad]


@pytest.mark.parametrize("damage", ["cut short", "flipped"])
def test_a_damaged_gzip_file_ends_the_replay_even_where_bad_rows_are_skipped(
    tmp_path: Path, stream: Stream, damage: str
) -> None:
    whole = gzip.compress("\n".join([HEADER, *[GOOD] * 20_000]).encode())
    path = tmp_path / "data.csv.gz"
    path.write_bytes(whole[: len(whole) // 2] if damage == "cut short" else whole[:60] + b"\xff\x00\xff" + whole[63:])
    with pytest.raises(SourceFileError, match="cannot be read on"):
        _count(path, stream)


def test_a_quote_without_an_end_swallows_nothing(tmp_path: Path, stream: Stream) -> None:
    with pytest.raises(SourceFileError, match="has no end") as raised:
        _count(_csv(tmp_path, HEADER, GOOD, '"1,1.5', GOOD, GOOD), stream)
    assert raised.value.line == 3


@pytest.mark.parametrize("cell", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:00:00-23:00"])
def test_a_time_out_of_range_is_an_unreadable_cell(tmp_path: Path, stream: Stream, cell: str) -> None:
    rows, bad = _count(_csv(tmp_path, HEADER, GOOD.replace("2013-01-01T10:00:00Z", cell), GOOD), stream)
    assert rows == [1] and len(bad) == 1 and "'t'" in bad[0]


def test_a_column_that_stands_twice(tmp_path: Path, stream: Stream) -> None:
    with pytest.raises(SourceFileError, match="more than once"):
        _read(_csv(tmp_path, f"{HEADER},i", f"{GOOD},2"), stream)


def test_parquet_names_the_row_and_skips_it(tmp_path: Path, stream: Stream) -> None:
    path = tmp_path / "data.PARQUET"
    columns = {"f": [1.5, float("inf"), float("nan")], "s": ["x"] * 3, "t": [None] * 3, "b": [True] * 3}
    pq.write_table(pa.table({"i": ["1", "2", "z"], **columns}), path)
    rows, bad = _count(path, stream)
    assert rows == [0]
    assert [
        f"{path}:{row}: column {name!r}" in said for (row, name), said in zip([(2, "f"), (3, "i")], bad, strict=True)
    ] == [True] * 2
    pq.write_table(pa.table({"i": [1, 2, 3], **columns | {"f": [1.5, None, float("nan")]}}), path)
    assert [row["f"] for row in _read(path, stream)] == [1.5, None, None]
