"""Records of earlier replays are compared by value, also where their ``--again`` sent the rows twice."""

from __future__ import annotations

import pytest

from pipeline.replay.earlier_rows import EarlierFiles, EarlierRows


@pytest.mark.parametrize(
    ("runs", "ours", "last_row"),
    [
        ([range(10)], True, 9),
        ([range(10), range(10)], True, 9),
        # What was sent last counts, as with today's headers.
        ([range(10), range(4)], True, 3),
        ([[100, 101], range(10)], True, 9),
        ([range(10), [0, 100]], False, 100),
    ],
)
def test_rows_that_an_earlier_replay_sent_again(runs: list[list[int]], ours: bool, last_row: int) -> None:
    theirs = EarlierRows(runs[0][0], 1)
    for run in runs:
        for row in run:
            theirs.add(row, b"row %d" % row)
    earlier = EarlierFiles("of a file that grew", [{"before it grew": theirs}], 1)
    assert earlier.last_row == last_row
    for row in range(200 if not ours else 20):
        earlier.compare(row, b"row %d" % row)
    assert earlier.is_ours("before it grew") is ours
