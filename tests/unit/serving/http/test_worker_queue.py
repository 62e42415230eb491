"""The way to the workers, with a queue of this process and workers that the test plays; the locks are real files."""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litserve.utils import LitAPIStatus

from contract.errors import DeadlineExceededError, InterruptedRequestError, OverloadedError
from scoring.kmeans import Assigner
from serving.http.worker_queue import WorkerQueue
from serving.kinds.clusters.predictor import ClusterPredictor
from serving.kinds.prediction import Answer, PredictRequest
from serving.kinds.sent import Sent
from serving.processes.liveness import lock_path
from tests.unit.serving.served_numbers import scoring

ASKED = PredictRequest(b"{}", ClusterPredictor(Assigner(scoring())), b"}")
ANSWER = Answer(b"{}", (1,))


class Ways:
    """A queue to two workers, and their locks."""

    def __init__(self, directory: Path, deadline_s: float) -> None:
        self.messages: queue.Queue[Any] = queue.Queue()
        self.server = SimpleNamespace(
            response_buffer={},
            app=SimpleNamespace(response_queue_id=0),
            _get_request_queue=lambda _path: self.messages,
        )
        self.locks = [lock_path(directory, worker).open("wb") for worker in range(2)]
        for lock in self.locks:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write(b".")
            lock.flush()
        api = SimpleNamespace(api_path="/q")
        self.queue = WorkerQueue(api, self.server, directory, workers=2, deadline_s=deadline_s, most_bytes=5)

    def kill(self, worker: int) -> None:
        """Let go of a worker's lock, as its death does."""
        self.locks[worker].close()

    async def taken(self) -> str:
        """Take the next request off the queue, and return its id."""
        return (await self.taken_whole())[0]

    async def taken_whole(self) -> tuple[str, Sent]:
        """Take the next request off the queue, and return its id and how its predictor was sent."""
        _, uid, _, request = await asyncio.to_thread(self.messages.get, timeout=5)
        assert request._replace(predictor=ASKED.predictor) == ASKED and isinstance(request.predictor, Sent)
        return str(uid), request.predictor

    def begun(self, uid: str, worker: int) -> None:
        """Say that ``worker`` works on a request."""
        self.server.response_buffer[uid].worker_id = worker

    def answered(self, uid: str, answer: object = ANSWER, status: LitAPIStatus = LitAPIStatus.OK) -> None:
        """Answer a request."""
        item = self.server.response_buffer[uid]
        item.response = (answer, status)
        item.event.set()


Scenario = Callable[[Ways], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Play a scenario; nothing may be left of its requests."""

    def played(scenario: Scenario, deadline_s: float = 10) -> None:
        async def run() -> None:
            ways = Ways(tmp_path, deadline_s)
            async with asyncio.timeout(20), ways.queue.watched():
                await scenario(ways)
            assert not ways.server.response_buffer and not ways.queue._pending
            for lock in ways.locks:
                lock.close()

        asyncio.run(run())

    return played


def test_an_answer_is_returned(play: Callable[..., None]) -> None:
    async def scenario(ways: Ways) -> None:
        asked = [asyncio.create_task(ways.queue.answer(ASKED)) for _ in range(3)]
        for _ in asked:
            ways.answered(await ways.taken())
        assert await asyncio.gather(*asked) == [ANSWER] * 3

    play(scenario)


def test_a_worker_that_asks_for_the_predictor_is_sent_it(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.kinds.sent._SMALL_BYTES", 0)

    async def scenario(ways: Ways) -> None:
        asked = asyncio.create_task(ways.queue.answer(ASKED))
        uid, by_key = await ways.taken_whole()
        ways.answered(uid, Answer(b"", (), is_unknown=True))
        uid, whole = await ways.taken_whole()
        ways.answered(uid)
        assert await asked == ANSWER
        assert by_key.body is None and whole.body and whole.key == by_key.key

    play(scenario)


@pytest.mark.parametrize("told", [(None, LitAPIStatus.ERROR), ("no answer", LitAPIStatus.OK)])
def test_what_is_no_answer_interrupts(play: Callable[..., None], told: tuple[object, LitAPIStatus]) -> None:
    async def scenario(ways: Ways) -> None:
        asked = asyncio.create_task(ways.queue.answer(ASKED))
        ways.answered(await ways.taken(), *told)
        with pytest.raises(InterruptedRequestError):
            await asked

    play(scenario)


def test_a_request_that_takes_too_long_is_given_up(play: Callable[..., None]) -> None:
    async def scenario(ways: Ways) -> None:
        with pytest.raises(DeadlineExceededError, match="send fewer rows"):
            await ways.queue.answer(ASKED)

        ways.messages.get()

    play(scenario, deadline_s=0.05)


def test_what_was_given_up_and_still_waits_is_bounded_in_bytes(play: Callable[..., None]) -> None:
    async def scenario(ways: Ways) -> None:
        # Two bytes each, of five.
        for _ in range(2):
            with pytest.raises(DeadlineExceededError):
                await ways.queue.answer(ASKED)
        with pytest.raises(OverloadedError, match="given up"):
            await ways.queue.answer(ASKED)
        # A worker comes back, and takes one.
        await ways.taken()
        with pytest.raises(DeadlineExceededError):
            await ways.queue.answer(ASKED)

    play(scenario, deadline_s=0.05)


@pytest.mark.parametrize("said_so", [True, False])
def test_a_dead_worker_takes_its_own_request_along_and_no_other(play: Callable[..., None], said_so: bool) -> None:
    async def scenario(ways: Ways) -> None:
        first, second, waiting = [asyncio.create_task(ways.queue.answer(ASKED)) for _ in range(3)]
        uids = [await ways.taken(), await ways.taken()]
        ways.begun(uids[1], 1)
        if said_so:
            ways.begun(uids[0], 0)
        ways.kill(0)
        with pytest.raises(InterruptedRequestError):
            await first
        assert not second.done() and not waiting.done()
        ways.answered(uids[1])
        ways.answered(await ways.taken())
        assert [await second, await waiting] == [ANSWER] * 2

    play(scenario)


def test_a_worker_that_has_not_begun_is_not_dead(play: Callable[..., None]) -> None:
    async def scenario(ways: Ways) -> None:
        ways.kill(1)
        os.truncate(ways.locks[1].name, 0)
        asked = asyncio.create_task(ways.queue.answer(ASKED))
        uid = await ways.taken()
        # Longer than a request that nobody owns up to is waited for, where a worker is dead.
        await asyncio.sleep(4)
        assert not asked.done()
        ways.answered(uid)
        assert await asked == ANSWER

    play(scenario)
