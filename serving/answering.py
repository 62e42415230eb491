"""Where a request is worked on: small ones in the API process, large ones in a worker process. docs/adr/0010."""

from __future__ import annotations

from serving.admission import Admission
from serving.answers import Answer
from serving.clusterer import Clusterer, PredictRequest
from serving.worker_queue import WorkerQueue


class Answering:
    """Answers requests for predictions. Lives on the event loop, which it never holds up for long."""

    def __init__(self, clusterer: Clusterer, workers: WorkerQueue, slow: Admission) -> None:
        self._clusterer, self._workers, self._slow = clusterer, workers, slow

    async def answer(self, request: PredictRequest) -> Answer:
        """Return the answer, which may be an error.

        Raises
        ------
        OverloadedError, DeadlineExceededError, InterruptedRequestError: it is a large one, and not answered.
        """
        return self.soon(request) or await self.later(request)

    def soon(self, request: PredictRequest) -> Answer | None:
        """Return the answer, which may be an error; None where it takes long."""
        return self._clusterer.answer_soon(request)

    async def later(self, request: PredictRequest) -> Answer:
        """Return the answer of a worker.

        Raises
        ------
        OverloadedError, DeadlineExceededError, InterruptedRequestError: there is none.
        """
        with self._slow.one():
            return await self._workers.answer(request)
