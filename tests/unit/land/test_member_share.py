"""How much a member lands before it cuts: its share of a batch that all members fill."""

from __future__ import annotations

from pipeline.land.member_share import room, share


def test_a_member_cuts_at_its_share_of_the_batch() -> None:
    assert [share(100, owned, 3) for owned in (0, 1, 2, 3)] == [0, 34, 67, 100]
    assert room(100, owned=1, lanes=3, landed=0, open_=10) == 24
    # What the others have landed leaves less than the share: the batch is cut exactly.
    assert room(100, owned=1, lanes=3, landed=80, open_=10) == 10
    assert room(100, owned=3, lanes=3, landed=0, open_=10) == 90


def test_a_full_batch_that_waits_to_be_sealed_makes_no_small_parts() -> None:
    assert room(100, owned=1, lanes=2, landed=130, open_=0) == 50
    assert room(100, owned=1, lanes=2, landed=130, open_=70) == 1
