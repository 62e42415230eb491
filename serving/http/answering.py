"""Where a request is worked on: small ones in the API process, large ones in a worker process. docs/adr/0010."""

from __future__ import annotations

from serving.http.admission import Admission
from serving.http.worker_queue import WorkerQueue
from serving.kinds.litserve_api import Predictions
from serving.kinds.prediction import Answer, PredictRequest


class Answering:
    """Answers requests for predictions. Lives on the event loop, which it never holds up for long."""

    def __init__(self, predictions: Predictions, workers: WorkerQueue, slow: Admission) -> None:
        self._predictions, self._workers, self._slow = predictions, workers, slow

    async def answer(self, request: PredictRequest) -> Answer:
        """Return the answer, which may be an error.

        Raises
        ------
        OverloadedError, DeadlineExceededError, InterruptedRequestError: it is a large one, and not answered.
        """
        return self.soon(request) or await self.later(request)

    def soon(self, request: PredictRequest) -> Answer | None:
        """Return the answer, which may be an error; None where it takes long."""
        return self._predictions.answer_soon(request)

    async def later(self, request: PredictRequest) -> Answer:
        """Return the answer of a worker.

        Raises
        ------
        OverloadedError, DeadlineExceededError, InterruptedRequestError: there is none.
        """
        with self._slow.one():
            return await self._workers.answer(request)
