"""Slow work: so much at once, and for so long."""

from __future__ import annotations

import asyncio
import threading

import pytest

from contract.errors import DeadlineExceededError, OverloadedError
from serving.http.admission import Admission


def test_places_are_taken_and_given_back() -> None:
    async def scenario() -> None:
        admission = Admission(2, 5)
        with admission.one(), admission.one():
            with pytest.raises(OverloadedError, match="2 requests are being worked on"), admission.one():
                pass
            with pytest.raises(OverloadedError):
                await admission.in_thread(lambda: 1)
        with pytest.raises(RuntimeError), admission.one():
            raise RuntimeError
        assert await asyncio.gather(*(admission.in_thread(lambda: 3) for _ in range(2))) == [3, 3]

    asyncio.run(scenario())


def test_what_work_raises_is_raised_and_its_place_is_free() -> None:
    def fail() -> None:
        raise KeyError("x")

    async def scenario() -> None:
        admission = Admission(1, 5)
        for _ in range(3):
            with pytest.raises(KeyError):
                await admission.in_thread(fail)

    asyncio.run(scenario())


@pytest.mark.parametrize("ends_by", ["deadline", "client"])
def test_work_that_nobody_waits_for_holds_its_place_until_it_ends(ends_by: str) -> None:
    async def scenario() -> None:
        goes_on = threading.Event()
        admission = Admission(1, 0.02 if ends_by == "deadline" else 60)
        task = asyncio.create_task(admission.in_thread(goes_on.wait))
        if ends_by == "deadline":
            with pytest.raises(DeadlineExceededError):
                await task
        else:
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(OverloadedError):
            await admission.in_thread(lambda: 1)
        goes_on.set()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await admission.in_thread(lambda: 1) == 1
                    break
                except OverloadedError:
                    await asyncio.sleep(0.001)

    asyncio.run(scenario())
