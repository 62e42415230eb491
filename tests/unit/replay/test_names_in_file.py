"""A file that calls the columns otherwise, and has other characters between its cells, gives the same rows."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contract.errors import SourceFileError, StreamFileError
from contract.stream import Stream, parse_stream
from pipeline.replay import parquet
from pipeline.replay.header import with_stream_file
from pipeline.replay.limits import limits_of
from pipeline.replay.place import default_path
from pipeline.replay.position import as_sent
from pipeline.replay.source import read_rows

# Of the rows' five columns the file has other names for three.
RATINGS = """
name: s
topic: s
source: {{path: ratings.tsv, delimiter: "{delimiter}"}}
columns:
  user: {{type: int32, required: true, from: "user_id:token"}}
  rating: {{type: float32, from: "rating.float"}}
  at: {{type: timestamp, epoch: s, from: "timestamp:float"}}
  comment: {{type: string}}
cut: {{rows: 1}}
features: [rating]
model: {{k: 2}}
"""
PLAIN = """
name: s
topic: s
columns:
  {user: {type: int32}, rating: {type: float32}, at: {type: timestamp, epoch: s}, comment: {type: string}}
cut: {rows: 1}
features: [rating]
model: {k: 2}
"""
NAMES = ["user_id:token", "rating.float", "unused", "timestamp:float", "comment"]
CELLS = [
    ["196", "3", "x", "881250949", 'a, "quoted" b'],
    ["186", "", "x", "881250949.5", ""],
    ["1", "2", "", "-1", "é"],
]
SENT = [
    {"user": 196, "rating": 3.0, "at": 881250949, "comment": 'a, "quoted" b'},
    {"user": 186, "rating": None, "at": "881250949.5", "comment": None},
    {"user": 1, "rating": 2.0, "at": -1, "comment": "é"},
]


def ratings(delimiter: str = r"\t") -> Stream:
    return parse_stream(RATINGS.format(delimiter=delimiter), "s.yaml")


def text(delimiter: str, names: list[str] = NAMES) -> str:
    quoted = [
        '"' + cell.replace('"', '""') + '"' if {'"', delimiter} & set(cell) else cell for row in CELLS for cell in row
    ]
    rows = (
        itertools.batched(quoted, len(names))
        if hasattr(itertools, "batched")
        else zip(*[iter(quoted)] * len(names), strict=True)
    )
    return "\n".join(delimiter.join(row) for row in [names, *rows]) + "\n"


def _stop(error: SourceFileError) -> None:
    raise error


def digests(path: Path, stream: Stream) -> list[bytes]:
    """Return the digest of the rows up to each, as replay keeps it in headers."""
    limits = limits_of(stream, None, {})
    return [sent.digest for sent in as_sent(read_rows(path, stream, _stop), limits, str(path), _stop)]


@pytest.mark.parametrize(
    ("written", "delimiter"), [(r"\t", "\t"), (";", ";"), ("|", "|"), (",", ","), (r"\x01", "\x01")]
)
def test_text_gzip_and_parquet_give_the_rows_of_a_plain_file(tmp_path: Path, written: str, delimiter: str) -> None:
    (tmp_path / "a.tsv").write_text(text(delimiter))
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(text(delimiter).encode()))
    columns = {
        "user_id:token": [196, 186, 1], "rating.float": [3.0, None, 2.0], "comment": ['a, "quoted" b', None, "é"],
        # A struct of which one field has the path that a column's name has, dots and all.
        "rating": [{"float": 9.0}] * 3, "timestamp:float": ["881250949", "881250949.5", "-1"],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    (tmp_path / "plain.csv").write_text(text(",", ["user", "rating", "unused", "at", "comment"]))
    plain = digests(tmp_path / "plain.csv", parse_stream(PLAIN, "plain.yaml"))
    stream = ratings(written)
    for name in ("a.tsv", "a.tsv.gz", "a.parquet"):
        assert [row.values for row in read_rows(tmp_path / name, stream, _stop)] == SENT, name
        assert digests(tmp_path / name, stream) == plain, name


def test_a_cell_that_cannot_be_read_is_named_by_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(text("\t").replace("186\t", "one hundred\t"))
    bad: list[SourceFileError] = []
    rows = list(read_rows(tmp_path / "a.tsv", ratings(), bad.append))
    assert [row.number for row in rows] == [0, 2]
    assert len(bad) == 1
    assert str(bad[0]).startswith(f"{tmp_path / 'a.tsv'}:3: column 'user': unreadable cell 'one hundred': ")


@pytest.fixture
def stream_file(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(RATINGS.format(delimiter=r"\t"))
    return path


def told(stream_file: Path, path: Path) -> str:
    """Return what a person is told who replays ``path``."""
    with pytest.raises((StreamFileError, SourceFileError)) as raised:
        list(with_stream_file(read_rows(path, ratings(), _stop), str(stream_file)))
    return str(raised.value)


def test_a_from_that_the_file_does_not_have_is_told_with_its_line(tmp_path: Path, stream_file: Path) -> None:
    line = 1 + stream_file.read_text().splitlines().index('  rating: {type: float32, from: "rating.float"}')
    (tmp_path / "a.tsv").write_text(text("\t").replace("rating.float", "rating"))
    pq.write_table(pa.table({"user_id:token": [1], "rating": [1.0]}), tmp_path / "a.parquet")
    for path, has in (
        (tmp_path / "a.tsv", "user_id:token, rating, unused, "),
        (tmp_path / "a.parquet", "user_id:token"),
    ):
        said = told(stream_file, path)
        assert said.startswith(
            f"{stream_file}:{line}: columns.rating.from: 'rating.float' is no column of {path}; it has"
        )
        assert has in said
    (tmp_path / "b.tsv").write_text(text("\t").replace("unused", "rating.float"))
    assert "b.tsv:1: column 'rating': its `from`, 'rating.float', is the name of more than one" in told(
        stream_file, tmp_path / "b.tsv"
    )


def test_what_is_missing_under_its_own_name_is_told_of_the_file(tmp_path: Path, stream_file: Path) -> None:
    (tmp_path / "a.tsv").write_text(text("\t").replace("comment", "Comment"))
    said = told(stream_file, tmp_path / "a.tsv")
    assert said.startswith(f"{tmp_path / 'a.tsv'}:1: column 'comment': missing; the file has user_id:token, ")
    assert said.endswith("Comment. A column that has another name there says so in the stream file: `from`")


def test_another_delimiter_is_asked_after(tmp_path: Path, stream_file: Path) -> None:
    (tmp_path / "a.csv").write_text(text(";"))
    assert told(stream_file, tmp_path / "a.csv").endswith('what stands between them: `source.delimiter: ";"`')
    (tmp_path / "a.tsv").write_text(text("\t"))
    with pytest.raises(SourceFileError, match=r'`source.delimiter: "\\t"`'):
        list(read_rows(tmp_path / "a.tsv", ratings(","), _stop))


def test_columns_with_dots_are_bounded_as_others(tmp_path: Path) -> None:
    names = frozenset({"rating.float", "user"})
    assert [parquet._is_of(path, names) for path in ("rating.float", "user.list.element", "rating.x", "users")] == [
        *(True, True, False, False)
    ]


def test_a_package_is_not_imported_and_one_that_is_not_there_is_told_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rated" / "inner").mkdir(parents=True)
    (tmp_path / "rated" / "__init__.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    for package, place in (("rated", "rated"), ("rated.inner", "rated/inner")):
        given = RATINGS.format(delimiter=",").replace("path: ratings.tsv", f"path: a.csv, package: {package}")
        assert default_path(parse_stream(given, "s.yaml"), "s.yaml") == tmp_path / place / "a.csv"
    for package in ("rated.other", "no_such_package.inner", "pathlib"):
        given = RATINGS.format(delimiter=",").replace("path: ratings.tsv", f"path: a.csv, package: {package}")
        with pytest.raises(SourceFileError, match=f"not installed; `python -m infra install {package}` brings it"):
            default_path(parse_stream(given, "s.yaml"), "s.yaml")
