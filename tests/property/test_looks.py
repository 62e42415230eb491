"""Whatever becomes of a registry between its looks: what is new is seen at once, and all of it within a turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.tracking import TrackingServer
from serving.versions import looked_at
from serving.versions.looked_at import TURN_S, LookedAt
from serving.versions.registered import RegisteredVersion
from serving.versions.registry import RegisteredModel, Registry
from tests.memory_tracking import MemoryTracking
from tests.tracking import Tracking

STATES = st.sampled_from(["ready", "failed", "making"])
CHANGES = st.one_of(
    st.tuples(st.just("new"), st.integers(1, 9), STATES),
    st.tuples(st.just("tag"), st.integers(0, 60), STATES),
    st.tuples(st.just("delete"), st.integers(0, 60), STATES),
    st.tuples(st.just("again"), st.integers(0, 12), STATES),
    st.tuples(st.just("wait"), st.integers(1, 8), STATES),
)


def _change(memory: MemoryTracking, tracking: Tracking, what: str, number: int, state: str) -> None:
    there = [int(version["version"]) for version in memory._models["m"].versions]
    if what == "new":
        memory.versions("m", number, state)
    elif what == "again":
        tracking.delete("m")
        tracking.model("m")
        memory.versions("m", number, state)
    elif there and what == "tag":
        tracking.tag("m", there[number % len(there)], "state", state)
    elif there and what == "delete":
        tracking.delete("m", there[number % len(there)])


@settings(max_examples=50)
@given(st.integers(0, 30), st.lists(CHANGES, max_size=12))
def test_looks_find_what_a_whole_listing_finds(count: int, changes: list[tuple[str, int, str]]) -> None:
    memory = MemoryTracking()
    tracking, registry = Tracking("http://memory", memory), Registry(TrackingServer("http://memory"), transport=memory)
    tracking.model("m")
    memory.versions("m", count)
    now = 0.0
    known = LookedAt(registry, "m", TURN_S, lambda: now)

    def look() -> tuple[RegisteredVersion, ...]:
        model: RegisteredModel | None = registry.model("m")
        assert model is not None
        return known.read(model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looked_at, "NEWEST", 3)
        patch.setattr(looked_at, "_AT_ONCE", 4)
        look()
        for what, number, state in changes:
            before: dict[int, Any] = {version.number: version for version in known._entries}
            _change(memory, tracking, what, number, state)
            now += number if what == "wait" else 1
            found, whole = look(), registry.versions("m").versions
            assert [version.number for version in found] == sorted({version.number for version in found})
            assert found[len(found) - len(whole[-3:]) :] == whole[-3:]
            # What was not settled is as it is now, or gone.
            for version in whole:
                if version.number in before and before[version.number].tags["state"] == "making":
                    assert version in found
        for _ in range(30):
            now += 1
            look()
        assert look() == registry.versions("m").versions
