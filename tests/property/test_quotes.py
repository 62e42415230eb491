"""A block of CSV that Arrow splits is split as replay's own reader would, wherever its quotes are."""

from __future__ import annotations

import io

from hypothesis import example, given
from hypothesis import strategies as st

from contract.errors import SourceFileError
from pipeline.describe.dialect import Dialect
from pipeline.describe.quotes import are_sure
from pipeline.describe.text_blocks import TextBlocks

PIECES = st.sampled_from(['"', '""', ",", "\n", "\r\n", "a", " ", '","', '\n"', '"\n', "é"])
CELL = st.sampled_from(['"a ""b"""', '""', '"a\nb, c"', "x", "", '""""', 'x""y', '"\r\n"'])


def _stop(error: SourceFileError) -> None:
    raise error


@given(st.lists(PIECES, max_size=12).map("".join) | st.lists(st.tuples(CELL, CELL).map(",".join)).map("\n".join))
@example('""a,b\n')
@example('"""a"\n"",x""y\n')
def test_a_block_is_split_as_replay_does(text: str) -> None:
    dialect = Dialect(",", None, 2)
    fast = TextBlocks("a.csv", io.BytesIO(), _stop)._fast(text.encode(), dialect)
    if fast is not None:
        slow = TextBlocks("a.csv", io.BytesIO(), _stop)._slow(text.encode(), dialect)
        assert [cells.to_pylist() for cells in fast if len(cells)] == [
            cells.to_pylist() for cells in slow if len(cells)
        ]


def test_a_well_quoted_block_is_surely_read_by_arrow() -> None:
    assert are_sure(b'1,"a ""b"" c, d\ne",""\r\n"","x",""""\n', b",")
    assert not any(are_sure(block, b",") for block in (b'a"b",c\n', b'"a" ,b\n', b'"a"b\n', b'"a\n', b'""a\n'))
