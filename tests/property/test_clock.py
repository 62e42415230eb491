"""A lane's clock: whoever reads the lane, in whatever pieces and from wherever, puts its rows into the same windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.land.lane_clock import LaneClock, put_into_time
from pipeline.land.origins import Longs

MAX_AHEAD_MS = 1_000
# Mostly as it should be; back, ahead and pauses now and then.
steps = st.lists(st.sampled_from([10, 10, 10, 10, -500, 400, 5_000, 100_000, -100_000]), max_size=40)


def _times(steps_ms: list[int]) -> Longs:
    return np.cumsum(np.array([1_000_000, *steps_ms], dtype=np.int64))


def _early(times_ms: list[int]) -> tuple[list[int], int]:
    """Return the positions of the rows that are early, and how many rows are decided."""
    times = np.array(times_ms, dtype=np.int64)
    clock_ms, known = put_into_time(LaneClock(), times, MAX_AHEAD_MS, last=False)
    return np.nonzero(times[:known] > clock_ms[:known])[0].tolist(), known


@pytest.mark.parametrize(
    ("times_ms", "early", "known"),
    [
        ([0, 10, 20], [], 3),
        # One that is ahead, and what it did not end.
        ([0, 10, 20, 90_000, 30, 40], [3], 6),
        # Two, of one clock or of two, are no gap.
        ([0, 10, 20, 90_000, 90_010, 30, 40], [3, 4], 7),
        # A pause: nothing is early, and nothing of it is decided before the third.
        ([0, 10, 20, 90_000, 90_010], [], 3),
        ([0, 10, 20, 90_000, 90_010, 90_020], [], 6),
        # A wrong clock right behind the pause, or as the very first.
        ([0, 10, 20, 500_000, 90_000, 90_010], [3], 6),
        ([500_000, 0, 10, 20], [0], 4),
        # As far as it may be, and one further.
        ([0, 10, 20, 1_020, 30], [], 5),
        ([0, 10, 20, 1_021, 30], [3], 5),
        # Late ones do not move it back.
        ([0, 10, 20, 900, -5_000, 1_800, 2_800], [], 7),
    ],
)
def test_a_row_far_ahead_is_early_and_a_run_of_them_is_a_pause(
    times_ms: list[int], early: list[int], known: int
) -> None:
    assert _early(times_ms) == (early, known)


@given(steps, st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_the_pieces_in_which_a_lane_is_read_make_no_difference(steps_ms: list[int], pieces: list[int]) -> None:
    times = _times(steps_ms)
    whole, known = put_into_time(LaneClock(), times, MAX_AHEAD_MS, last=False)
    clock, begin, end = LaneClock(), 0, 0
    found: list[int] = []
    for piece in [*pieces, len(times)]:
        # What is held is read again with what follows.
        end = min(end + piece, len(times))
        clock_ms, decided = put_into_time(clock, times[begin:end], MAX_AHEAD_MS, last=False)
        clock = clock.behind(times[begin : begin + decided], clock_ms[:decided])
        found += clock_ms[:decided].tolist()
        begin += decided
    assert found == whole[:known].tolist()


@given(steps, st.integers(0, 41))
def test_a_lane_handed_over_at_any_row_is_cut_as_if_it_had_not_been(steps_ms: list[int], at: int) -> None:
    times = _times(steps_ms)
    whole, known = put_into_time(LaneClock(), times, MAX_AHEAD_MS, last=False)
    at = min(at, known)
    # What the part that ends there says of the clock is all that its next owner has.
    clock = LaneClock().behind(times[:at], whole[:at])
    rest, more = put_into_time(clock, times[at:], MAX_AHEAD_MS, last=False)
    assert whole[at:known].tolist() == rest[:more].tolist()


@given(steps)
def test_a_clock_never_goes_back_and_is_never_ahead_of_its_rows(steps_ms: list[int]) -> None:
    times = _times(steps_ms)
    clock_ms, known = put_into_time(LaneClock(), times, MAX_AHEAD_MS, last=True)
    assert known == len(times) and (np.diff(clock_ms) >= 0).all()
    early = times > clock_ms
    assert (times[early] > clock_ms[early] + MAX_AHEAD_MS).all()
    # Three in a row are no mistake of one clock.
    assert not (early[:-2] & early[1:-1] & early[2:]).any()
