"""What covers a stretch of offsets once, and what does not; by the book, and against sets of offsets."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.land.verify import misfits

stretches = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=8)


def found(*covered: tuple[int, int], first: int, end: int) -> list[tuple[str, int, int]]:
    """Return what is wrong with ``covered``."""
    both = np.array(covered, dtype=np.int64).reshape(-1, 2)
    return misfits(both[:, 0], both[:, 1], first, end)


def test_a_gap_of_a_thousand_million_offsets_is_one_stretch() -> None:
    assert found((5, 6), (6, 1_000_000_006), first=5, end=1_000_000_006) == []
    assert found((5, 6), (7, 1_000_000_006), first=5, end=1_000_000_006) == [("missing", 1, 6)]


def test_what_is_wrong_is_counted_and_its_first_offset_named() -> None:
    assert found(first=3, end=5) == [("missing", 2, 3)]
    assert found((3, 4), (3, 4), (4, 5), first=3, end=5) == [("doubled", 1, 3)]
    assert found((1, 4), (4, 5), first=3, end=5) == [("foreign", 2, 1)]
    assert found((3, 9), first=3, end=5) == [("foreign", 4, 5)]


@given(stretches, st.integers(5, 15), st.integers(0, 15))
def test_it_finds_something_wrong_exactly_where_a_count_of_each_offset_does(
    lengths: list[tuple[int, int]], first: int, length: int
) -> None:
    covered = [(start, start + size) for start, size in lengths]
    seen = Counter(offset for start, end in covered for offset in range(start, end))
    wrong = found(*covered, first=first, end=first + length)
    inside = range(first, first + length)
    counts = Counter({what: count for what, count, _ in wrong if what == "missing"})
    assert counts["missing"] == sum(offset not in seen for offset in inside)
    assert any(what == "doubled" for what, _, _ in wrong) == any(seen[offset] > 1 for offset in inside)
    assert any(what == "foreign" for what, _, _ in wrong) == any(offset not in inside for offset in seen)
