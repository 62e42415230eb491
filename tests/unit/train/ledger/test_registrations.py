"""However many versions there are, one more costs the same requests; what somebody changes is seen."""

from __future__ import annotations

import httpx
import pytest

from pipeline.train.ledger.ledger import Ledger
from pipeline.train.ledger.registrations import ALL_S, NEWEST, Registrations
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry, last_ready
from pipeline.train.settings import TrackingSettings
from tests.memory_store import MemoryStore
from tests.memory_tracking import MemoryTracking


class Series:
    """Registry and ledger in memory, and a clock."""

    def __init__(self) -> None:
        self.server, self.store, self.now_s = MemoryTracking(), MemoryStore(), 0.0
        self.registry = Registry(TrackingSettings(uri="http://m"), "m")
        self.registry._http = httpx.Client(transport=self.server)
        self.registry.create_model("", {})
        self.ledger = Ledger(self.store, "m")
        self.registrations = Registrations(self.registry, self.ledger, lambda: self.now_s)

    def register(self) -> RegisteredVersion:
        tags = {"batch": "?", "state": "ready", "stream": "s", "scheme": "disjoint"}
        number = self.registry.create_version(source="", run_id="", model_id=None, tags=tags, description="")
        return RegisteredVersion(number, "", "", tags)

    def delete(self, number: int) -> None:
        self.registry.call("DELETE", "model-versions/delete", {"name": "m", "version": str(number)})

    def asked(self) -> int:
        """Return how many requests there were since the last call."""
        asked = len(self.server.asked)
        self.server.asked.clear()
        return asked


@pytest.fixture
def series() -> Series:
    return Series()


def test_the_hundredth_version_asks_what_the_tenth_does(series: Series) -> None:
    series.registrations.all()
    costs = []
    for _ in range(100):
        series.asked()
        found = series.registrations.now().versions
        assert [*found] == [*range(1, len(found) + 1)]
        last = last_ready(series.registry, len(found) + 1)
        assert (last.number if last else 0) == len(found)
        series.registrations.note(series.register())
        costs.append(series.asked())
    assert costs[9] == costs[99] == 4 and len(series.registrations.now().versions) == 100
    assert series.ledger.noted().numbers == frozenset(range(1, 101))
    # And the ledger says what it says where all is written each time.
    written = {number: series.ledger.versions()[number] for number in (1, 50, 100)}
    series.ledger.note(series.registry)
    assert {number: series.ledger.versions()[number] for number in (1, 50, 100)} == written


def test_what_is_deleted_among_the_newest_is_seen_at_once_and_below_them_within_a_minute(series: Series) -> None:
    for _ in range(NEWEST + 12):
        series.registrations.note(series.register())
    series.registrations.all()
    last = NEWEST + 12
    series.delete(last)
    assert last not in series.registrations.now().versions
    series.delete(2)
    assert 2 in series.registrations.now().versions
    series.now_s += ALL_S + 1
    assert 2 not in series.registrations.now().versions
    # Something is told to be amiss: what puts it right may be anywhere.
    series.delete(3)
    assert 3 in series.registrations.now().versions
    series.registrations.forget()
    assert 3 not in series.registrations.now().versions


def test_what_others_register_meanwhile_is_known_however_much_it_is(series: Series) -> None:
    series.registrations.all()
    for _ in range(3 * NEWEST):
        series.register()
    assert [*series.registrations.now().versions] == [*range(1, 3 * NEWEST + 1)]


def test_a_restore_that_was_begun_is_seen_at_once(series: Series) -> None:
    assert not series.registrations.all().noted.restoring
    series.store.put(f"{series.ledger.prefix}restore.json", b"{}")
    assert series.registrations.now().noted.restoring
