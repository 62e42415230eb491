"""Which versions a look asks for: the newest and the unsettled each time, all others in turn, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from contract.tracking import TrackingServer
from serving.versions.looked_at import NEWEST, TURN_S, LookedAt
from serving.versions.registered import RegisteredVersion
from serving.versions.registry import Registry
from tests.memory_tracking import MemoryTracking
from tests.tracking import Tracking


class Looks:
    """A model of ``count`` versions at a tracking server in memory, looked at once a second of the test's own clock."""

    def __init__(self, count: int, turn_s: float = TURN_S) -> None:
        self.memory = MemoryTracking()
        self.tracking = Tracking("http://memory", self.memory)
        self.tracking.model("m")
        self.memory.versions("m", count)
        self.registry = Registry(TrackingServer("http://memory"), transport=self.memory)
        self.now = 0.0
        self.known = LookedAt(self.registry, "m", turn_s, lambda: self.now)
        self.look()

    def look(self, seconds: float = 1.0) -> dict[int, RegisteredVersion]:
        """Return what is known after a look, of which ``memory.asked`` are the questions."""
        self.now += seconds
        model = self.registry.model("m")
        assert model is not None
        self.memory.asked.clear()
        return {version.number: version for version in self.known.read(model)}

    def until(self, holds: Callable[[dict[int, RegisteredVersion]], bool], within: int) -> int:
        """Return how many looks it took until it ``holds``."""
        for look in range(1, within + 1):
            if holds(self.look()):
                return look
        raise AssertionError(f"not within {within} looks")

    def entries(self) -> int:
        """Return how many versions the last look may have read."""
        return sum(map(_most, self.memory.asked))


def _most(url: str) -> int:
    """Return how many versions a question asks for."""
    found = re.search(r"max_results=([0-9]+)", url)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("count", [5, NEWEST + 1, 150, 250, 1000])
def test_a_turn_reads_every_version_within_30_s_and_a_look_never_lists_them_all(count: int) -> None:
    looks = Looks(count)
    assert len(looks.memory.asked) == -(-count // 200)
    read: set[int] = set()
    questions = 0
    for _ in range(30):
        looks.look()
        questions += len(looks.memory.asked)
        assert looks.entries() <= NEWEST + 200
        for url in looks.memory.asked:
            below = re.search(r"version_number\+<\+([0-9]+)", url)
            last = int(below[1]) - 1 if below else count
            read |= set(range(last - _most(url) + 1, last + 1))
    assert read >= set(range(1, count + 1))
    assert questions <= 30 + 2 * -(-count // 200)


def test_what_is_new_or_not_settled_is_seen_at_the_next_look() -> None:
    looks = Looks(300)
    looks.memory.versions("m", 250)
    assert len(looks.look()) == 550
    for number in (3, 4, 270):
        looks.tracking.tag("m", number, "state", "odd")
    looks.until(lambda known: [n for n in known if known[n].tags["state"] == "odd"] == [3, 4, 270], 30)
    # A tag that is set late, and a version that is deleted before it was made whole.
    looks.tracking.tag("m", 3, "state", "ready")
    looks.tracking.delete("m", 270)
    known = looks.look()
    assert known[3].tags["state"] == "ready" and 270 not in known and known[4].tags["state"] == "odd"
    assert len(looks.memory.asked) <= 3


def test_what_changes_or_goes_among_the_others_is_seen_in_turn() -> None:
    looks = Looks(1000)
    for number in (1, 500, 979, 1000):
        looks.tracking.tag("m", number, "gate", "none")
        looks.until(lambda known, n=number: known[n].tags.get("gate") == "none", 30)  # type: ignore[misc]
    for number in (1, 490, 979, 1000):
        looks.tracking.delete("m", number)
        looks.until(lambda known, n=number: n not in known, 30)  # type: ignore[misc]
    assert len(looks.look()) == 996
    looks.tracking.version("m", {})
    # MLflow gives the number of the newest again, once that is deleted.
    assert len(looks.look()) == 997


def test_within_a_short_grace_all_are_read_more_often() -> None:
    looks = Looks(300, turn_s=2.0)
    looks.tracking.delete("m", 7)
    assert looks.until(lambda known: 7 not in known, 4)
    every = Looks(300, turn_s=0.0)
    every.tracking.delete("m", 7)
    assert 7 not in every.look()


def test_an_alias_of_a_version_that_is_not_known_makes_it_known() -> None:
    looks = Looks(300)
    looks.known._replace([5], [])
    assert 5 not in looks.look(0)
    looks.tracking.alias("m", "champion", 5)
    assert 5 in looks.look(0)


def test_another_model_of_the_same_name_is_read_whole() -> None:
    looks = Looks(300)
    looks.tracking.delete("m")
    looks.tracking.model("m")
    looks.memory.versions("m", 300, "failed")
    assert {version.tags["state"] for version in looks.look().values()} == {"failed"}


def test_after_a_time_without_answers_all_are_read() -> None:
    looks = Looks(500)
    looks.tracking.delete("m", 9)
    assert 9 not in looks.look(600.0)


def test_what_is_the_same_is_the_same_object() -> None:
    looks = Looks(300)
    before = looks.look()
    looks.tracking.tag("m", 299, "gate", "none")
    after = looks.look(TURN_S)
    assert [number for number in after if after[number] is not before[number]] == [299]
