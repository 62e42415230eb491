"""Files as people have them: what `describe` writes for each, and that replay reads every row with it."""

from __future__ import annotations

import gzip
import os
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from console.exit_codes import UNUSABLE
from console.progress import Step
from contract.errors import SourceFileError
from contract.stream import parse_stream
from pipeline.describe import text_blocks
from pipeline.describe.command import _kept, describe
from pipeline.describe.describe_file import description_of
from pipeline.describe.tables import table_of
from pipeline.replay.source import read_rows
from tests.unit.describe.described import file, stop, text_of

THINGS = "".join(f"{n},{n}.5,w\n" for n in range(20, 40))


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def column(text: str, tmp_path: Path) -> tuple[dict[str, Any], Any]:
    """Return the keys of the column `c` whose cells are ``text``, a line each, and its first value."""
    cells = text.split("\n")
    body = "".join(f'{n}.25\t"{cell}"\n' for n, cell in enumerate(cells))
    _, stream, rows = file(written(tmp_path / "a.tsv", f"x\tc\n{body}"))
    keys = stream.columns["c"].model_dump(exclude_defaults=True, by_alias=True)
    return keys | {"source": stream.written.model_dump(exclude_defaults=True)}, rows[0]["c"]


@pytest.mark.parametrize(
    "cell", ["1" * 12_000 + "x", "1" + " " * 12_000 + "x", " " * 12_000 + "x", "1e" + " " * 12_000 + "x"]
)
def test_a_long_cell_takes_no_longer_than_its_length(cell: str, tmp_path: Path) -> None:
    begun = time.process_time()
    found, _, _ = file(written(tmp_path / "a.csv", "x,c\n" + f"1.5,{cell}\n2.5,7\n"))
    assert found.columns and time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("cells", "kind", "keys", "first"),
    [
        ("1\n-2\n+3", "int64", {}, 1), ("1\n2.5", "float64", {}, 1.0), ("007\n012", "string", {}, "007"),
        ("123456789012345678901\n1", "decimal(21,0)", {}, "123456789012345678901"),
        ("12345678901234567.25\n1.5", "decimal(19,2)", {}, "12345678901234567.25"),
        ("1\n1e3", "float64", {}, 1.0), ("1\nNA", "int64", {}, 1), ("1\n NA", "int64", {}, 1),
        ("1\ninf", "string", {}, "1"),
        ("yes\nno", "bool", {}, True), ("T\nF", "bool", {}, True), ("N\nN", "string", {}, "N"),
        ("0\n1", "int64", {}, 0),
        ("12.5 %\n3 %", "float64", {"percent": True}, 12.5),
        ("1,5\n2,25", "float64", {"decimal": ","}, 1.5), ("1,234,567.5\n12", "float64", {"thousands": ","}, 1234567.5),
        ("1.234.567,5\n12", "float64", {"decimal": ",", "thousands": "."}, 1234567.5),
        ("2024-01-31\n2024-02-01", "date", {}, "2024-01-31"),
        ("2024-01-31\n2024-02-01 05:00", "timestamp", {}, "2024-01-31T00:00:00Z"),
        ("2024-01-31T05:00:00+01:00\n2024-02-01T05:00:00Z", "timestamp", {}, "2024-01-31T04:00:00Z"),
        ("31.01.2024\n01.02.2024", "date", {"format": "%d.%m.%Y"}, "2024-01-31"),
        ("1/31/2024 5:07 PM\n2/1/2024 11:59 AM", "timestamp", {"format": "%m/%d/%Y %I:%M %p"}, "2024-01-31T17:07:00Z"),
        ("Jan 1 2000\nFeb 1 2000", "date", {"format": "%b %d %Y"}, "2000-01-01"),
        ("10:30\n23:59:59.5", "time", {}, "10:30:00"), ("a\n-", "string", {}, "a"), ("1_000\n2", "string", {}, "1_000"),
    ],
)  # fmt: skip
def test_a_column_is_what_all_of_its_cells_are(
    cells: str, kind: str, keys: dict[str, Any], first: Any, tmp_path: Path
) -> None:
    # Where a mark is between numbers, the numbers beside must be none that it contradicts.
    if "decimal" in keys or "thousands" in keys:
        body = "".join(f"{place}\t{cell}\n" for place, cell in enumerate(cells.split("\n"), start=1))
        _, stream, rows = file(written(tmp_path / "a.tsv", f"x\tc\n{body}"))
        assert stream.columns["c"].type == kind
        assert stream.written.decimal == keys.get("decimal", ".")
        assert stream.written.thousands == keys.get("thousands")
        assert rows[0]["c"] == first
        return
    found, value = column(cells, tmp_path)
    assert found["type"] == kind
    assert {key: found[key] for key in keys} == keys
    assert value == first
    assert type(value) is type(first)


def test_a_float_behind_the_first_block_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 64)
    body = "".join(f"{n},{n % 7},w\n" for n in range(500))
    path = written(tmp_path / "a.csv", f"a,b,c\n{body}1,2.5,\n1,1,NA\n")
    _, stream, rows = file(path)
    assert (stream.columns["b"].type, stream.columns["b"].required, rows[0]["b"]) == ("float64", True, 0.0)
    assert not stream.columns["c"].required


def test_quotes_line_ends_and_marks_are_read_as_replay_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 50)
    body = "".join(f'{n},"a ""{n}""\nb, c",x\r\n' for n in range(40))
    path = written(tmp_path / "a.csv", f"n,text,y\r\n{body}", "utf-8-sig")
    _, stream, rows = file(path)
    assert len(rows) == 40
    assert rows[3]["text"] == 'a "3"\nb, c'
    assert stream.columns["n"].type == "int64"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-8"])
def test_an_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "a.csv", "x,stadt\n1.5,München €\n2.5,Köln\n", encoding)
    _, stream, rows = file(path)
    assert rows[0]["stadt"] == "München €"
    assert stream.written.encoding == encoding


def test_a_file_without_a_header_has_places(tmp_path: Path) -> None:
    _, stream, rows = file(written(tmp_path / "a.csv", "1;2,5;a\n2;3,5;b\n3;4,5;c\n"))
    assert not stream.written.header
    assert [column.name_in_file for column in stream.columns.values()] == [1, 2, 3]
    assert list(rows[0].values()) == [1, 2.5, "a"]


def test_names_are_proposed_for_any_header(tmp_path: Path) -> None:
    names = ["user_id:token", "Größe (m²)", "", "a", "A", "b", "b", "日本", "1st", "x" * 200]
    body = "".join(",".join([f"{n}.5"] * len(names)) + "\n" for n in range(5))
    _, stream, rows = file(written(tmp_path / "a.csv", ",".join(names) + f"\n{body}"))
    assert list(stream.columns)[:9] == [
        "user_id_token", "Grosse_m2", "column_3", "a", "A_2", "b", "b_2", "column_8", "c_1st",
    ]  # fmt: skip
    assert [stream.name_in_file(name) for name in ("b", "b_2", "column_3")] == [6, 7, ""]
    assert len(rows) == 5


def test_days_of_eight_digits_are_told(tmp_path: Path) -> None:
    body = "".join(f"{20130101 + n % 28},{20139999 + n},{n / 2}\n" for n in range(99))
    path = written(tmp_path / "a.csv", f"day,other,x\n{body}")
    found, stream, _ = file(path)
    notes = {column.name: column.note for column in found.columns}
    assert '{type: date, format: "%Y%m%d"}' in notes["day"] and not notes["other"]
    said = text_of(found).replace("day: {type: int64", 'day: {format: "%Y%m%d", type: date').replace("- day\n", "")
    rows = list(read_rows(path, parse_stream(said, "s.yaml"), stop))
    assert (stream.columns["day"].type, rows[1].values["day"]) == ("int64", "2013-01-02")


def test_ratings_make_a_recommender(tmp_path: Path) -> None:
    body = "".join(f"{n % 17}\t{n % 31}\t{n % 5 + 1}\t{881250949 + n}\n" for n in range(300))
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    _, stream, rows = file(written(tmp_path / "ml.inter", header + body))
    assert stream.model.kind == "als"
    assert stream.model.columns == ("user_id_token", "item_id_token", "rating_float")
    assert stream.event_time == "timestamp_float"
    assert stream.columns["timestamp_float"].epoch == "s"
    assert stream.cut.rows == 100
    assert len(rows) == 300


def test_what_is_no_feature_is_said_with_its_reason(tmp_path: Path) -> None:
    body = "".join(f"{n},{n * 7 % 30}.5,1,{'ab'[n % 2]},text {n},,2024-01-0{n % 9 + 1}\n" for n in range(60))
    found, stream, _ = file(written(tmp_path / "a.csv", f"id,size,const,kind,said,empty,day\n{body}"))
    assert found.proposal is not None
    assert set(found.proposal.left_out) == {"id", "const", "said", "empty", "day"}
    assert [feature.column for feature in stream.features] == ["size", "kind"]
    assert stream.id == ("id",)
    text = text_of(found)
    assert "# - const: its values are all the same" in text
    assert stream.cut.rows == 20


def test_other_forms_and_several_files(tmp_path: Path) -> None:
    table = pa.table({"i": pa.array([1, 2, None], pa.int32()), "x": [1.5, float("nan"), 2.5], "s": ["a", None, "b"]})
    pq.write_table(table, tmp_path / "a.parquet")
    _, stream, rows = file(tmp_path / "a.parquet")
    assert [stream.columns[name].type for name in ("i", "x", "s")] == ["int32", "float64", "string"]
    assert rows[1] == {"i": 2, "x": None, "s": None}
    lines = '{"a": {"b": 1.5, "c": ["u", "v"]}, "ok": true, "n": "5"}\n{"a": {"b": 2}, "ok": null, "n": 6}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    _, stream, rows = file(tmp_path / "a.jsonl.gz")
    assert rows == [
        {"a_b": 1.5, "a_c_0": "u", "a_c_1": "v", "ok": True, "n": 5},
        {"a_b": 2.0, "a_c_0": None, "a_c_1": None, "ok": None, "n": 6},
    ]
    (tmp_path / "many").mkdir()
    written(tmp_path / "many" / "1.csv", f"a,x,w\n{THINGS}")
    written(tmp_path / "many" / "2.csv", "w,x,a,new\nz,1.5,2.5,1\n")
    found, stream, rows = file(tmp_path / "many")
    assert stream.columns["a"].type == "float64"
    assert found.not_columns == {"new": "not all of the files have it"}
    assert len(rows) == 21


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the file is empty"), (b"\n\n", "the file is empty"), (b'a,b\n1,"2\n', "has no end"),
        (b'{"a": [[[[1]]], 2, 3, 4, 5]}\n', "no column of it can be one"),
        (b'\xc3\xa9, 7,"\n\xc3\xa9\n\xf6, 7,"\n', "none of its rows can be read; .* line 3: not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told(tmp_path: Path, body: bytes, said: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(body)
    with pytest.raises(SourceFileError, match=said):
        description_of(table_of(path), path)


def test_a_file_of_several_without_a_readable_row_is_not_told_the_fault_of_another(tmp_path: Path) -> None:
    (tmp_path / "1.dat").write_bytes(b"1,7,1\n2,8,2\n4,9,2\n" * 9 + b"5\n")
    (tmp_path / "2.dat").write_bytes(b'\xc3\xa9, 7,"\n\xc3\xa9\n\xf6, 7,"\n')
    with pytest.raises(SourceFileError) as raised:
        table_of(tmp_path)
    assert str(raised.value) == f"{tmp_path / '2.dat'}: none of its rows can be read"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("a,b\n", UNUSABLE), ("a\nx\n", UNUSABLE), ("a,b\n,\n,\n", UNUSABLE),
        ("a,b\n1,1\n1,1\n", UNUSABLE), ("day\n2024-01-01\n2024-01-02\n", UNUSABLE),
        (f"a,x,w\n{THINGS}", 0),
    ],
)  # fmt: skip
def test_where_nothing_can_be_learnt_the_exit_code_says_so(tmp_path: Path, body: str, code: int) -> None:
    path = written(tmp_path / "a.csv", body)
    done = CliRunner().invoke(describe, [str(path)])
    assert done.exit_code == code, done.output
    if not body.startswith("day"):
        parse_stream(done.stdout, "s.yaml")
    told = CliRunner().invoke(describe, ["-", "--json"], input=body.encode())
    assert told.exit_code == code


def test_a_stream_file_is_utf_8_in_a_terminal_of_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"a,größe,w\n{THINGS}")
    done = CliRunner(charset="latin-1").invoke(describe, [str(path)])
    assert done.exit_code == 0 and "größe" in done.stdout_bytes.decode("utf-8")


def test_what_is_piped_in_is_counted_while_it_comes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counted: list[int] = []
    monkeypatch.setattr(Step, "advance", lambda _, by=1: counted.append(by))
    body = f"a,x,w\n{THINGS}".encode() * 100
    os.mkfifo(pipe := tmp_path / "pipe")
    writing = threading.Thread(target=pipe.write_bytes, args=[body])
    writing.start()
    with _kept(pipe) as copy:
        assert copy.read_bytes() == body
    writing.join()
    assert sum(counted) == len(body)


def test_rows_that_cannot_be_read_are_told_with_their_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"a,x,w\n{THINGS}1,2\n{THINGS}")
    found = description_of(table_of(path), path)
    assert found.table.rows == 40
    assert (
        f"1 row cannot be read, which `replay --skip-bad` leaves out; the first: {path}:22: 2 fields" in found.notes[0]
    )


@pytest.mark.parametrize("width", [300, pytest.param(5_000, marks=pytest.mark.long)])
def test_wide_files_are_read(tmp_path: Path, width: int) -> None:
    names = ",".join(f"column number {n}" for n in range(width))
    rows = "".join(",".join(str((n * m) % 50 + 0.5) for n in range(width)) + "\n" for m in range(3))
    found, stream, read = file(written(tmp_path / "wide.csv", f"{names}\n{rows}"))
    assert len(stream.features) == 100
    assert len(read) == 3
    assert len(text_of(found)) < 2**20


def test_long_cells_are_read(tmp_path: Path) -> None:
    _, _, read = file(written(tmp_path / "long.csv", f"x,s\n1.5,{'a' * 1_000_000}\n2.5,b\n"))
    assert len(read[0]["s"]) == 1_000_000
