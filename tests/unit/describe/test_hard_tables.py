"""Tables that are not as one expects: what `describe` writes is read by replay, or they are refused with the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from console.exit_codes import UNUSABLE
from contract.errors import SourceFileError, StreamFileError
from contract.proposal import Proposal, Table
from contract.stream import parse_stream
from pipeline.describe import nested, tables, text_blocks
from pipeline.describe.command import describe
from pipeline.describe.describe_file import description_of
from pipeline.describe.description import DescribedColumn, Description
from pipeline.describe.distinct import Distinct
from pipeline.describe.runs import Runs
from pipeline.describe.tables import table_of
from pipeline.replay.source import read_rows
from tests.unit.describe.described import file, text_of, topic


def test_names_that_yaml_takes_for_something_else_are_quoted(tmp_path: Path) -> None:
    for name in ("null", "true", "2024-01-01"):
        path = tmp_path / f"{name}.csv"
        path.write_text("x,yes\n" + "".join(f"{n}.5,2024-01-01T{n % 24:02}:00:00Z\n" for n in range(40)))
        found = description_of(table_of(path), path)
        assert parse_stream(text_of(found), "s.yaml").event_time == "yes"


def test_what_each_kind_needs_is_said_by_the_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("day\n2024-01-01\n2024-01-02\n")
    done = CliRunner().invoke(describe, [str(path)])
    assert done.exit_code == UNUSABLE
    assert "# - kmeans: a number, a category" in done.stdout
    assert "# - als: two columns that name things" in done.stdout
    with pytest.raises(StreamFileError, match="model"):
        parse_stream(done.stdout, "s.yaml")


@pytest.mark.parametrize(
    ("values", "is_same"),
    [
        ([1] * 20 + [1, 2] * 20, True), ([1, 2] * 30, False), ([1] * 19 + [2] + [1, 2] * 20, False),
        ([1] * 20 + [2] * 20 + [3] * 20, True), ([1, 2] * 20 + [1] * 20, True), ([1, 2], False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", [60, 7, 1])
def test_a_third_of_one_value_is_seen(values: list[int], is_same: bool, block: int) -> None:
    runs = Runs()
    for first in range(0, len(values), block):
        runs.add(pa.array(values[first : first + block]), len(values[first : first + block]))
    assert runs.same_in_a_third == is_same


def test_a_rare_change_within_a_large_block_is_seen() -> None:
    runs = Runs()
    runs.add(pa.array([0, 1] * 20_000 + [0] * 10_000 + [1] + [0] * 9_999 + [0, 1] * 100), 60_200)
    assert not runs.same_in_a_third


def test_what_is_the_same_in_a_third_is_no_feature(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "x,late,kind,at\n"
        + "".join(f"{n}.5,{max(0, n - 40)},{'ab'[n > 30]},2024-01-01T{n // 20:02}:{n % 20:02}:00Z\n" for n in range(60))
    )
    found, stream, _ = file(path)
    assert [feature.column for feature in stream.features] == ["x"]
    assert found.proposal is not None
    assert found.proposal.left_out["late"] == "its values are all the same in a third of the rows at least"


def objects(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_is_nothing_or_too_much_in_objects_faults_its_column(tmp_path: Path) -> None:
    n = range(20)
    for odd, plain in (
        ("{}", '"x"'),
        ("[]", '"x"'),
        ("[1]", '{"a": 1}'),
        ('["a", 2, 3, 4, 5]', "[1, 2]"),
        ("{}", "[1]"),
        ("[]", "null"),
        ("{}", "null"),
    ):
        lines = [f'{{"x": {k}.5, "c": {odd if k % 2 else plain}}}' for k in n]
        found, stream, rows = file(objects(tmp_path / "a.jsonl", *lines))
        assert list(stream.columns) == ["x"], (odd, found.not_columns)
        assert len(rows) == 20
        found, stream = topic([line.encode() for line in lines])
        assert "x" in stream.columns and not [name for name in stream.columns if name.startswith("c")], odd
        assert not [note for note in found.notes if "rejected" in note]


def test_half_of_a_character_is_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    lines = [f'{{"x": {n}.5, "s": "a"}}' for n in range(20)]
    path = objects(tmp_path / "a.jsonl", *lines, '{"x": 1, "s": "\\ud800"}')
    found = description_of(table_of(path), path)
    assert "a.jsonl:21: half of a character" in found.notes[0]
    bad: list[SourceFileError] = []
    assert len(list(read_rows(path, parse_stream(text_of(found), "s.yaml"), bad.append))) == 20
    assert [error.line for error in bad] == [21]
    done = CliRunner().invoke(describe, [str(objects(path, '{"\\ud800": 1, "x": 1.5}')), "--json"])
    assert list(json.loads(done.stdout)["columns"]) == ["x"], done.output


def test_objects_that_are_maps_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_PATHS", 30)
    monkeypatch.setattr(nested, "MOST_PATHS", 30)
    lines = [f'{{"x": {n}.5, "m": {{"k{n}": 1}}}}' for n in range(40)]
    found, stream, _ = file(objects(tmp_path / "a.jsonl", *lines))
    assert len(stream.columns) == 30
    assert nested.TOO_MANY in found.notes
    found, _ = topic([line.encode() for line in lines])
    assert nested.TOO_MANY in found.notes


ROWS = "".join(f"{n},{n}.5,w\n" for n in range(20))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("a,b\n" + ROWS, "a.csv:1: 2 fields, and the rows below have 3: give it as many"),
        ("a,b,c,d\n" + ROWS, "a.csv:1: 4 fields, and the rows below have 3"),
        ("A title\n" + ROWS, "a.csv:1: 1 field, and the rows below have 3"),
        ("\na,b,c\n" + ROWS, "a.csv:1: it is empty, or no CSV"),
        ("a,b\r1,2\r3,4", "a.csv:1: the file is empty, or its first rows cannot be read"),
    ],
)  # fmt: skip
def test_a_first_line_that_is_no_measure_of_the_rows_is_refused(tmp_path: Path, body: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(body.encode())
    with pytest.raises(SourceFileError) as refused:
        table_of(path)
    assert said in str(refused.value)


@pytest.mark.parametrize("first", ["", '"a"b,1,2'])
def test_rows_begin_behind_a_line_that_is_none(tmp_path: Path, first: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{first}\n{ROWS}")
    table = table_of(path)
    bad: list[SourceFileError] = []
    stream = parse_stream(text_of(description_of(table, path)), "s.yaml")
    assert len(list(read_rows(path, stream, bad.append))) == 20
    assert len(bad) == table.bad


def test_rows_as_wide_as_the_first_line_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n" + ROWS + "1,2\n" * 4)
    found = description_of(table_of(path), path)
    bad: list[SourceFileError] = []
    assert len(list(read_rows(path, parse_stream(text_of(found), "s.yaml"), bad.append))) == found.table.rows == 20
    assert any(f"{len(bad)} rows cannot be read" in note for note in found.notes)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (ROWS.encode(), ROWS.encode("utf-16"), "is written in utf-16, and other files in utf-8"),
        (ROWS.encode("utf-16"), ROWS.encode(), "is written in utf-8, and other files in utf-16"),
        (ROWS.encode(), ROWS.replace(",", ";").encode(), "is not written as the first"),
        (ROWS.replace(",", ";").encode(), ROWS.encode(), "is not written as the first"),
        (ROWS.encode(), b"a,b,c\n" + ROWS.encode(), "is not written as the first"),
        (b"a,b,c\n" + ROWS.encode(), ROWS.encode(), "is not written as the first"),
    ],
)  # fmt: skip
def test_files_that_one_source_cannot_say_are_refused(tmp_path: Path, first: bytes, second: bytes, said: str) -> None:
    (tmp_path / "1.csv").write_bytes(first)
    (tmp_path / "2.csv").write_bytes(second)
    with pytest.raises(SourceFileError) as refused:
        table_of(tmp_path)
    assert f"2.csv:1: {said}" in str(refused.value)


def test_files_of_several_forms_are_one_table(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["0", "1"], "c": ["w", "w"]}), tmp_path / "1.parquet")
    (tmp_path / "2.csv").write_text("a;b;c\n" + ROWS.replace(",", ";"))
    _, stream, rows = file(tmp_path)
    assert len(rows) == 22
    assert list(stream.columns) == ["a", "c"]


def test_columns_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,a,b,x\n" + ROWS.replace("w", "w,1.5"))
    (tmp_path / "2.csv").write_text("b,b,a,x\n" + ROWS.replace("w", "w,1.5"))
    _, stream, rows = file(tmp_path)
    assert len(rows) == 40 and list(stream.columns) == ["x"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x00\x01\x02,\x00\n1,2\n", "it holds NUL"),
        (b"sep=;\n1;2.5\n2;3.5\n", "standard input:1: it is Excel's own line"),
        (b'{"a": NaN}\n', "it holds no objects: the first of its faults is line 1: not JSON: NaN is no number"),
        (b'{\n"a": 1}\n', "it holds no objects: the first of its faults is line 1: not JSON"),
    ],
)  # fmt: skip
def test_what_is_piped_in_and_no_table_is_told(body: bytes, said: str) -> None:
    done = CliRunner().invoke(describe, ["-"], input=body)
    assert isinstance(done.exception, SourceFileError)
    assert said in str(done.exception)
    assert str(done.exception).startswith("standard input")


def test_a_bad_row_of_what_is_piped_in_is_told_with_no_file_of_ours() -> None:
    done = CliRunner().invoke(describe, ["-"], input=f"a,b,c\n{ROWS}1,2\n".encode())
    assert "the first: standard input:22: 2 fields" in done.output


def test_numbers_below_nothing_differ() -> None:
    distinct = Distinct()
    distinct.add(pa.array([-1, -2, 3]), worth_naming=True)
    assert distinct.are_unique


def test_a_name_with_a_dot_is_no_path(tmp_path: Path) -> None:
    lines = [f'{{"x": {n}.5, "a.b": {n}, "a": {{"b": {"[1, 2, 3, 4, 5]" if n else 1}}}}}' for n in range(20)]
    _, stream, rows = file(objects(tmp_path / "a.jsonl", *lines))
    assert [row["a_b"] for row in rows] == list(range(20))
    assert list(stream.columns) == ["x", "a_b"]


@pytest.mark.parametrize(
    ("cell", "odd", "said"),
    [
        (lambda n: f"{n}.25", "n.d.", "numbers"), (lambda n: f"{n},25", "about 7", "numbers"),
        (lambda n: f"{n % 28 + 1}.01.{1900 + n}", "soon", "dates"),
    ],
)  # fmt: skip
def test_the_one_cell_that_makes_a_column_text_is_told(
    tmp_path: Path, cell: Callable[[int], str], odd: str, said: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x;c\n" + "".join(f"{n % 7};{odd if n == 30 else cell(n)}\n" for n in range(60)))
    for block in (2**23, 60):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_blocks, "BLOCK_BYTES", block)
            found, stream, _ = file(path)
        assert stream.columns["c"].type == "string"
        assert stream.id == ()
        assert [column.note for column in found.columns][1] == f"text, for {said} are not all: row 31 has {odd!r}"


def test_a_damaged_line_makes_no_other_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"Köln,{n}.5\n".encode() for n in range(20)]
    path.write_bytes(b"stadt,x\n" + b"".join(lines) + b"K\xf6ln,1.5\n" + b"".join(lines))
    table = table_of(path)
    stream = parse_stream(text_of(description_of(table, path)), "s.yaml")
    bad: list[SourceFileError] = []
    assert {row.values["stadt"] for row in read_rows(path, stream, bad.append)} == {"Köln"}
    assert [error.line for error in bad] == [22]
    assert table.first_bad is not None and (table.bad, table.first_bad.line) == (1, 22)
    (tmp_path / "b.csv").write_bytes("stadt,x\nKöln,1.5\n".encode("cp1252"))
    with pytest.raises(SourceFileError, match=r"b.csv: is not written in UTF-8, and .*a.csv is"):
        table_of(tmp_path)


def test_places_of_a_list_have_one_type(tmp_path: Path) -> None:
    lines = [f'{{"x": {n}.5, "a": [{n}, {n}.5], "b": ["u", "2024-01-01"], "c": [{n}, true]}}' for n in range(20)]
    found, stream, rows = file(objects(tmp_path / "a.jsonl", *lines))
    types = {name: column.type for name, column in stream.columns.items()}
    assert list(types.values()) == ["float64", "float64", "float64", "string", "string", "int64"]
    assert list(found.not_columns) == ["c[1]"]
    assert len(rows) == 20
    _, stream = topic([line.encode() for line in lines])
    assert {name: column.type for name, column in stream.columns.items() if name[0] in "ab"} == {
        "a_0": "float64", "a_1": "float64", "b_0": "string", "b_1": "string",
    }  # fmt: skip


def test_a_stream_file_of_very_many_columns_loads() -> None:
    columns = [
        DescribedColumn(f"c{n}", "float64", required=True, keys={"from": f"{'long ' * 80}{n}"}) for n in range(2_500)
    ]
    left_out = {column.name: "a category of very many values" for column in columns}
    proposal = Proposal(0.5, {"kind": "kmeans", "k": 2}, ["c2499"], left_out)
    found = Description("s", "rows", Table(9, 3, []), columns, proposal, topic="s", not_columns=left_out)
    stream = parse_stream(text_of(found), "s.yaml")
    assert "c2499" in stream.columns
    assert 1_000 < len(stream.columns) < 2_500
