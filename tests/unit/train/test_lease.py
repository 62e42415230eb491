"""A lease on a store that loses answers and refuses: `tests/memory_store.py`."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from contract.errors import AccessDeniedError, RetryError, StopError
from pipeline.train.lease import Lease
from tests.line import wait_for
from tests.memory_store import MemoryStore


@pytest.mark.parametrize("wait_s", [0, 5])
@pytest.mark.parametrize("taken_before", [False, True])
def test_a_lost_answer_to_the_put_that_takes_it_is_recognised(taken_before: bool, wait_s: float) -> None:
    store = MemoryStore()
    if taken_before:
        with Lease(store, "m", wait_s=0):
            pass
    store.faults = ["lost"]
    begin = time.monotonic()
    with Lease(store, "m", wait_s=wait_s) as lease:
        lease.check()
    assert time.monotonic() - begin < 2


def test_who_is_waited_for_is_told_beside_what_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore()
    with Lease(store, "m", wait_s=0), pytest.raises(RetryError):
        Lease(store, "m", wait_s=0.01).__enter__()
    out, err = capsys.readouterr()
    assert out == "" and err.count("waiting for process") == 1


class RefusingStore(MemoryStore):
    """Refuses access as long as ``refusals`` are left."""

    refusals = 0

    def _put(
        self, key: str, body: bytes, metadata: Mapping[str, str] | None, condition: Mapping[str, str]
    ) -> str | None:
        if self.refusals:
            self.refusals -= 1
            raise AccessDeniedError("403 of a clock that is set")
        return super()._put(key, body, metadata, condition)


def test_a_refusal_that_passes_does_not_end_the_renewals() -> None:
    store = RefusingStore()
    with Lease(store, "m", wait_s=0, renew_s=0.02) as lease:
        store.refusals = 2
        wait_for(lambda: store.refusals == 0, 5)
        before = store.get("leases/m.json")
        wait_for(lambda: store.get("leases/m.json") != before, 5)
        lease.check()


def test_a_lease_that_another_trainer_took_is_lost() -> None:
    store = MemoryStore()
    with Lease(store, "m", wait_s=0, renew_s=60) as slow:
        store.put("leases/m.json", b'{"token": "t", "host": "h", "pid": 1, "started_at": 0, "beat": 0}')
        with pytest.raises(StopError, match="taken by another trainer"):
            slow.check()


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_lease_is_one_of_somebody_until_it_is_stolen(body: bytes) -> None:
    store = MemoryStore()
    store.put("leases/m.json", body)
    with pytest.raises(RetryError, match="process 0 on unknown"), Lease(store, "m", wait_s=0):
        pass
