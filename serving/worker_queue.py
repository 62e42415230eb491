"""Sends large requests to LitServe's workers, with what its own handler lacks: a deadline, and an end when one dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from litserve.server import RegularRequestHandler
from litserve.utils import LitAPIStatus, ResponseBufferItem

from contract.errors import DeadlineExceededError, InterruptedRequestError
from serving.answers import Answer
from serving.clusterer import PredictRequest
from serving.liveness import is_dead

logger = logging.getLogger(__name__)

_WATCH_S: Final = 0.1


class WorkerQueue(RegularRequestHandler):  # type: ignore[misc] # litserve has no types
    """LitServe's way to its workers. Lives on the event loop of the API process."""

    def __init__(self, lit_api: Any, server: Any, locks: Path, deadline_s: float) -> None:
        super().__init__(lit_api, server)
        self._locks, self._deadline_s = locks, deadline_s
        self._pending: dict[str, ResponseBufferItem] = {}

    async def answer(self, request: PredictRequest) -> Answer:
        """Return the answer that a worker gives.

        Raises
        ------
        InterruptedRequestError: its worker ended.
        DeadlineExceededError: it took too long.
        """
        uid = uuid.uuid4().hex
        item = ResponseBufferItem(asyncio.Event())
        with self._registered(uid, item):
            queue = self.server._get_request_queue(self.lit_api.api_path)
            message = (self.server.app.response_queue_id, uid, time.monotonic(), request)
            try:
                async with asyncio.timeout(self._deadline_s):
                    # The queue is in another process: a blocking call.
                    await asyncio.to_thread(queue.put, message)
                    await item.event.wait()
            except TimeoutError as error:
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

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            begun = {item.worker_id for item in self._pending.values() if item.worker_id is not None}
            for worker in begun:
                if is_dead(self._locks, worker):
                    # Its last answers may still be on their way.
                    await asyncio.sleep(_WATCH_S)
                    self._fail(worker)

    def _fail(self, worker: int) -> None:
        for uid, item in self._pending.items():
            if item.worker_id == worker and not item.event.is_set():
                logger.warning("worker ended worker=%d request=%s", worker, uid)
                item.response = (None, LitAPIStatus.ERROR)
                item.event.set()
