"""Which partitions may have lost rows of a file: the parts are asked of no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract.errors import SourceFileError
from contract.origin import Origin
from pipeline.replay.position import FileId, SentRow
from pipeline.replay.resume import lost
from pipeline.replay.rows import SourceRow
from pipeline.replay.topic import HeldPartition

FILE = FileId("ab" * 8, "cd" * 8)


def _rows(*numbers: int, fault: bool = False) -> Iterator[SentRow]:
    for number in numbers:
        yield SentRow(SourceRow(number, number + 2, {}), b"", b"")
    if fault:
        raise SourceFileError("rows.csv", 9, None, "unreadable")


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ((0, 1), {}),
        ((), {}),
        ((0, 1, 2), {2: 70}),
        # Rows 2 and 3 were left out.
        ((0, 1, 4, 6), {2: 70}),
        (range(1000), {2: 70, 3: 5}),
    ],
)
def test_a_partition_that_no_row_goes_to_has_lost_none(rows: tuple[int, ...], found: dict[int, int]) -> None:
    held = [
        HeldPartition(9, 20, {FILE.place: Origin(FILE.place, 0, 4, "00" * 12)}),
        HeldPartition(0, 20, {}),
        HeldPartition(70, 80, {"ef" * 8: Origin("ef" * 8, 0, 4, "00" * 12)}),
        HeldPartition(5, 5, {}),
    ]
    assert lost(FILE, held, lambda: _rows(*rows)) == found
    # What lies behind a fault may go there.
    assert lost(FILE, held, lambda: _rows(*rows, fault=True)) == {2: 70, 3: 5}


def test_where_nothing_was_lost_the_file_is_not_read() -> None:
    def unread() -> Iterator[SentRow]:
        raise AssertionError

    earlier = Origin(FILE.fingerprint, 0, 2, None)
    assert lost(FILE, [HeldPartition(0, 9, {}), HeldPartition(9, 20, {FILE.fingerprint: earlier})], unread) == {}
