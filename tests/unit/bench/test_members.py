"""What two members do together counts while both land."""

from __future__ import annotations

import pytest

from bench.landing.members import Progress, Together, together

FIRST = [Progress(1.0, 0, 1.0), Progress(2.0, 100, 1.5), Progress(3.0, 200, 2.0), Progress(4.0, 300, 2.5)]


def test_what_one_did_before_the_other_began_and_after_it_had_done_is_left_out() -> None:
    second = [Progress(1.5, 0, 0.5), Progress(2.5, 10, 0.75), Progress(3.5, 30, 1.0)]
    assert together([FIRST, second]) == Together(100 + 30, 1.5, 3.5, 0.5 + 0.5)


def test_one_alone_counts_from_its_first_record_to_its_last() -> None:
    assert together([FIRST]) == Together(300, 1.0, 4.0, 1.5)


@pytest.mark.parametrize(
    "second", [[], [Progress(9.0, 0, 0.0), Progress(9.5, 5, 0.1)], [Progress(3.5, 0, 0.0), Progress(5.0, 5, 0.1)]]
)
def test_members_that_never_landed_together_are_not_measured(second: list[Progress]) -> None:
    with pytest.raises(SystemExit, match="--records"):
        together([FIRST, second])
