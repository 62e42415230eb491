"""Cycles are collected when landing says so, and as before once it has ended."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from pipeline.land import rare_collections
from pipeline.land.rare_collections import RareCollections


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    yield
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)


def test_a_cycle_is_collected_when_told_and_not_by_the_number_of_objects() -> None:
    with RareCollections() as cycles:
        held = weakref.ref(_Cycle())
        waiting: list[list[int]] = [[] for _ in range(50_000)]
        assert held() is not None and len(waiting) == 50_000
        cycles.collect()
        assert held() is None
        again = weakref.ref(_Cycle())
        cycles.collect()
        assert again() is not None, "it was collected a moment ago"


def test_without_a_part_it_begins_by_itself_in_the_end() -> None:
    with RareCollections():
        held = weakref.ref(_Cycle())
        waiting: list[list[int]] = [[] for _ in range(rare_collections.OWN_START + 1_000)]
        assert held() is None and waiting
