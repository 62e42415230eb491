"""Whether landing came to the end of the topic, or was told to leave: the exit code tells them apart."""

from __future__ import annotations

import threading

import pytest

from contract.stream_sections import Cut
from pipeline.land.lander_thread import LanderThread
from tests.memory_store import MemoryStore
from tests.unit.land.test_lander import _lander, fetched


@pytest.mark.parametrize("idle_s", [0.0, None], ids=["idle", "told to leave"])
def test_it_came_to_the_end_only_if_the_topic_was_idle(idle_s: float | None) -> None:
    lander, stop = _lander(MemoryStore(), "one", Cut(idle=0.1), 1), threading.Event()
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 0, [b"poison"]))
    lander.reach_end(0, 1, 1, 1)
    thread = LanderThread(lander, idle_s, stop)
    thread.start()
    while idle_s is None and not lander.counts.rejected:
        assert not thread.done.wait(0.01)
    if idle_s is None:
        stop.set()
    thread.join(10)
    assert thread.done.is_set() and thread.error is None
    assert lander.counts.rejected_all and thread.came_to_end == (idle_s is not None)
