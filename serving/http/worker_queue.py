"""Sends large requests to LitServe's workers, with what its own handler lacks: a deadline, and an end when one dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from litserve.server import RegularRequestHandler
from litserve.utils import LitAPIStatus, ResponseBufferItem

from contract.errors import DeadlineExceededError, InterruptedRequestError, OverloadedError
from serving.kinds.prediction import Answer, PredictRequest
from serving.kinds.sent import Sender
from serving.processes.liveness import is_dead

logger = logging.getLogger(__name__)

_WATCH_S: Final = 0.1
# What a worker said last may still be on its way, and on a busy machine the word that it began is long on it.
_LOOKS_BEGUN: Final = 2
_LOOKS_TAKEN: Final = 30


class WorkerQueue(RegularRequestHandler):  # type: ignore[misc] # litserve has no types
    """LitServe's way to its workers. Lives on the event loop of the API process."""

    def __init__(
        self, lit_api: Any, server: Any, locks: Path, *, workers: int, deadline_s: float, most_bytes: int
    ) -> None:
        super().__init__(lit_api, server)
        self._locks, self._workers, self._deadline_s, self._most_bytes = locks, workers, deadline_s, most_bytes
        # Bodies that nobody waits for any more, and that no worker has taken yet.
        self._given_up: dict[str, int] = {}
        self._pending: dict[str, ResponseBufferItem] = {}
        # In the order of the queue, which is known while nobody puts.
        self._sent: deque[str] = deque(maxlen=4096)
        self._putting = asyncio.Lock()
        self._sender = Sender()

    async def answer(self, request: PredictRequest) -> Answer:
        """Return the answer that a worker gives.

        Raises
        ------
        InterruptedRequestError: its worker ended.
        DeadlineExceededError: it took too long.
        OverloadedError: too much that was given up still waits for the workers.
        """
        ends_at = asyncio.get_running_loop().time() + self._deadline_s
        answer = await self._asked(request, ends_at, whole=False)
        # Whichever worker it is this time, it is answered, and knows the predictor from then on.
        return await self._asked(request, ends_at, whole=True) if answer.is_unknown else answer

    async def _asked(self, request: PredictRequest, ends_at: float, *, whole: bool) -> Answer:
        await self._refuse_backlog(len(request.body))
        uid = uuid.uuid4().hex
        item = ResponseBufferItem(asyncio.Event())
        with self._registered(uid, item):
            put = asyncio.create_task(self._put(uid, request, whole=whole), name="put")
            try:
                async with asyncio.timeout_at(ends_at):
                    # Shielded: a put that is cancelled half-way would still be done, in nobody's order.
                    await asyncio.shield(put)
                    await item.event.wait()
            except TimeoutError as error:
                self._given_up[uid] = len(request.body)
                raise DeadlineExceededError(f"no answer within {self._deadline_s:g} s; send fewer rows") from error
        answer, status = item.response
        if status == LitAPIStatus.ERROR or not isinstance(answer, Answer):
            raise InterruptedRequestError("the worker process that had this request ended; send it again")
        return answer

    @contextlib.contextmanager
    def _registered(self, uid: str, item: ResponseBufferItem) -> Any:
        self._pending[uid] = self.server.response_buffer[uid] = item
        try:
            yield
        finally:
            # Whatever happens: LitServe itself forgets a request only when its answer comes.
            self._pending.pop(uid)
            self.server.response_buffer.pop(uid, None)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Fail the requests of workers that die, as long as this is entered."""
        task = asyncio.create_task(self._watch(), name="worker-watch")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _refuse_backlog(self, size: int) -> None:
        if not self._given_up:
            return
        async with self._putting:
            waiting = await self._waiting()
        self._given_up = {uid: held for uid, held in self._given_up.items() if uid in waiting}
        if sum(self._given_up.values()) + size > self._most_bytes:
            raise OverloadedError("requests that were given up still wait for the workers; try again later")

    async def _waiting(self) -> set[str]:
        """Return what nobody has taken from the queue; to be called while nobody puts."""
        size = await asyncio.to_thread(self._queue.qsize)
        return set(list(self._sent)[-size:] if size else ())

    async def _put(self, uid: str, request: PredictRequest, *, whole: bool) -> None:
        async with self._putting:
            self._sent.append(uid)
            # The queue is in another process: a blocking call.
            await asyncio.to_thread(self._put_ready, uid, request, whole=whole)

    def _put_ready(self, uid: str, request: PredictRequest, *, whole: bool) -> None:
        ready = self._sender.ready(request, whole=whole)
        self._queue.put((self.server.app.response_queue_id, uid, time.monotonic(), ready))

    @property
    def _queue(self) -> Any:
        return self.server._get_request_queue(self.lit_api.api_path)

    async def _watch(self) -> None:
        begun, taken = Counter[str](), Counter[str]()
        while True:
            await asyncio.sleep(_WATCH_S)
            dead = {worker for worker in range(self._workers) if self._pending and is_dead(self._locks, worker)}
            if not (dead or begun or taken):
                continue
            by_dead, by_nobody = await self._lost(dead)
            # Once suspected, always: the next worker may be there before this one is sure.
            begun = Counter({uid: begun[uid] + 1 for uid in self._pending if uid in begun or uid in by_dead})
            taken = Counter({uid: taken[uid] + 1 for uid in by_nobody if dead or uid in taken})
            for uid in [uid for uid in self._pending if begun[uid] >= _LOOKS_BEGUN or taken[uid] >= _LOOKS_TAKEN]:
                self._fail(uid)

    async def _lost(self, dead: set[int]) -> tuple[set[str], set[str]]:
        """Return what may be lost with a worker: what one of ``dead`` began, and what was taken without a word."""
        async with self._putting:
            waiting = await self._waiting()
            sent = set(self._sent)
        begun = {uid for uid, item in self._pending.items() if item.worker_id in dead}
        silent = {uid for uid, item in self._pending.items() if item.worker_id is None and uid in sent}
        return begun, silent - waiting

    def _fail(self, uid: str) -> None:
        item = self._pending.get(uid)
        if item is not None and not item.event.is_set():
            logger.warning("worker ended worker=%s request=%s", item.worker_id, uid)
            item.response = (None, LitAPIStatus.ERROR)
            item.event.set()
