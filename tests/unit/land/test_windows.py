"""Windows begin with the stream's first record, or as hours, days and weeks of the calendar do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ChainError
from pipeline.land.windows import calendar_start_ms, shared_windows
from tests.memory_store import MemoryStore

HOUR_S, DAY_S = 3600.0, 86_400.0


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("length_s", "begin"),
    [
        (300.0, "2024-02-29T10:35:00"),
        (HOUR_S, "2024-02-29T10:00:00"),
        (DAY_S, "2024-02-29T00:00:00"),
        (7 * DAY_S, "2024-02-26T00:00:00"),
    ],
)
def test_a_window_of_the_calendar_begins_with_it(length_s: float, begin: str) -> None:
    first = _ms("2024-02-29T10:37:12.345")
    store = MemoryStore()
    windows = shared_windows(store, "s", length_s, first, aligned=True)
    assert (windows.origin_ms, windows.number(first)) == (_ms(begin), 0)
    # Whoever comes later has the same, whatever its first record.
    assert shared_windows(store, "s", length_s, first + 10**9, aligned=True) == windows
    assert shared_windows(store, "s", length_s, first + 10**9) == windows


def test_windows_keep_their_beginning() -> None:
    store, first = MemoryStore(), _ms("2024-02-29T10:37:12.345")
    assert shared_windows(store, "s", HOUR_S, first).origin_ms == first
    with pytest.raises(ChainError, match=r"from its first record on, .* remove `cut.aligned`, or give the stream"):
        shared_windows(store, "s", HOUR_S, first, aligned=True)


@given(st.integers(-(10**14), 10**14), st.integers(1, 10**10))
def test_the_beginning_is_at_most_a_window_away(timestamp_ms: int, length_ms: int) -> None:
    begin = calendar_start_ms(timestamp_ms, length_ms)
    assert begin <= timestamp_ms < begin + length_ms and calendar_start_ms(begin, length_ms) == begin
