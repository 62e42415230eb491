"""Where a file goes on, by its rows: those that ``--skip-bad`` left out are no part of what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from contract.errors import SourceFileError
from contract.origin import Origin
from pipeline.replay.limits import Limits
from pipeline.replay.position import FileId, Position, SentRow, as_sent, changed_beginning
from pipeline.replay.rows import SourceRow

FILE = FileId("ab" * 8, "cd" * 8)
LONG = "long" * 500
SHORT, WIDE = Limits("t", 1_000, None, 10_000), Limits("t", 10_000, None, 10_000)


def _file(limits: Limits, rows: Iterable[int], left_out: list[int], unreadable: int | None = None) -> Iterator[SentRow]:
    """Read a file whose row 4 is long, as ``--skip-bad`` does."""
    read = (SourceRow(n, n + 2, {"n": n, "s": LONG if n == 4 else ""}) for n in rows if n != unreadable)

    def on_bad(error: SourceFileError) -> None:
        left_out.append(error.line or 0)

    return as_sent(read, limits, "rows.csv", on_bad)


def _held(sent: Iterable[SentRow]) -> list[dict[str, Origin]]:
    """Return the last record of the file in each of two partitions."""
    last: list[dict[str, Origin]] = [{}, {}]
    for row in sent:
        last[row.row.number % 2] = {FILE.place: Origin(FILE.place, row.row.number, 2, row.digest.hex())}
    return last


def test_a_row_that_is_still_too_long_is_left_out_again() -> None:
    bad: list[int] = []
    held = _held(_file(SHORT, range(10), bad))
    rows = _file(SHORT, range(12), bad)
    position = Position(FILE, held, rows)
    assert (position.changed, position.next_rows, position.passed) == (None, [10, 11], 9)
    assert [sent.row.number for sent in rows] == [10, 11]
    assert bad == [6, 6]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (lambda bad: _file(SHORT, range(10), bad), lambda: _file(WIDE, range(10), [])),
        (lambda bad: _file(WIDE, range(10), bad, unreadable=4), lambda: _file(WIDE, range(10), [])),
    ],
    ids=["too long", "unreadable"],
)
def test_a_row_that_was_left_out_and_can_be_sent_now_is_refused_with_its_line(
    then: Callable[[list[int]], Iterator[SentRow]], now: Callable[[], Iterator[SentRow]]
) -> None:
    sent = list(then([]))
    assert [row.row.number for row in sent] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    position = Position(FILE, _held(sent), now())
    assert position.changed is not None
    there = [Origin(FILE.place, row.row.number, 2, row.digest.hex()) for row in sent]
    error = changed_beginning("rows.csv", position.changed, now(), there)
    assert error.line == 6
    assert "row 4 (from 0) is not what was sent" in str(error) and "`--skip-bad` left a row out" in str(error)
