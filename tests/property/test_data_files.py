"""Whatever names, cells and the character between them are: text and Parquet give the rows that were written."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import SourceFileError, StreamFileError
from contract.stream import Stream, parse_stream
from pipeline.replay.source import read_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.lists(TEXT, min_size=1, max_size=4, unique=True)
DELIMITERS = st.characters(exclude_categories=["Cs"], exclude_characters='"\r\n')


def stream_of(names: list[str], delimiter: str) -> Stream:
    """Return a stream of text columns c0, c1 … that a file calls ``names``."""
    columns = {f"c{place}": {"type": "string", "from": name} for place, name in enumerate(names)}
    given = {
        "name": "s", "topic": "s", "columns": columns | {"x": {"type": "float64"}}, "null_values": [],
        "source": {"path": "a", "delimiter": delimiter}, "cut": {"rows": 1}, "features": ["x"], "model": {"k": 2},
    }  # fmt: skip
    return parse_stream(yaml.safe_dump(given), "s.yaml")


def _stop(error: SourceFileError) -> None:
    raise error


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_those_that_were_written(tmp_path: Path, data: st.DataObject) -> None:
    names = data.draw(NAMES.filter(lambda names: "x" not in names))
    rows = data.draw(st.lists(st.lists(TEXT, min_size=len(names), max_size=len(names)), max_size=3))
    stream = stream_of(names, delimiter := data.draw(DELIMITERS))
    quoted = data.draw(st.booleans())
    # Nobody else can tell a byte order mark from the first character of a first name.
    with (tmp_path / "a.tsv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
        table.writerows([["x", *names], *(["1.5", *row] for row in rows)])
    columns = [
        pa.array([1.5] * len(rows), pa.float64()),
        *(pa.array([r[i] for r in rows], pa.string()) for i in range(len(names))),
    ]
    pq.write_table(pa.table(columns, ["x", *names]), tmp_path / "a.parquet")
    meant = [{**{f"c{place}": cell for place, cell in enumerate(row)}, "x": 1.5} for row in rows]
    for path in (tmp_path / "a.tsv", tmp_path / "a.parquet"):
        assert [row.values for row in read_rows(path, stream, _stop)] == meant, path


@given(TEXT.filter(lambda text: len(text) != 1 or text in '"\r\n').filter(lambda text: text != r"\t"))
@settings(deadline=None)
def test_any_other_delimiter_is_refused_with_its_line(delimiter: str) -> None:
    with pytest.raises(StreamFileError, match=r"source\.delimiter: .* is not one character"):
        stream_of(["a"], delimiter)
