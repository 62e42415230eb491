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
        answer = self._clusterer.answer_soon(request)
        if answer is None:
            with self._slow.one():
                answer = await self._workers.answer(request)
        return answer
