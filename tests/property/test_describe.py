"""What `describe` writes for any table, however it is written, is a stream file with which replay reads every row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contract.column_types import decimal_digits
from contract.errors import SourceFileError
from contract.stream import Stream, parse_stream
from pipeline.describe.describe_file import description_of
from pipeline.describe.stream_text import stream_text
from pipeline.describe.tables import table_of
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
