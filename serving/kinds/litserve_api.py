"""Our contract with LitServe: one `LitAPI` for all versions of all kinds, a body in, an answer out.

Small requests run through it in the API process, large ones in a worker process: docs/adr/0010.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from litserve import LitAPI

from contract.errors import RequestError
from serving.kinds.prediction import Answer, PredictRequest
from serving.kinds.sent import Receiver
from serving.processes.liveness import hold, watch_parent

# LitServe's own route and queue; the last segment names the workers in LitServe's books.
QUEUE_PATH: Final = "/_queue/predict"
# From here on a body takes longer than the way to a worker and back, and would hold up small ones.
LARGE_BYTES: Final = 256 * 1024

_Step = tuple[PredictRequest, Any] | RequestError | None


class Predictions(LitAPI):  # type: ignore[misc] # litserve has no types
    """Answers each request by the predictor of its version.

    A request with a fault travels as a value: LitServe turns an exception of a worker into a bare 500.
    """

    def __init__(self, locks: Path) -> None:
        super().__init__(api_path=QUEUE_PATH)
        self._locks, self._receiver = locks, Receiver()

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Begin as a worker; there is nothing to load, the numbers come with requests."""
        watch_parent()
        hold(self._locks)

    def decode_request(self, request: PredictRequest) -> _Step:
        """Return what the request's body holds, or why it cannot be read; None where its predictor is to be sent."""
        whole = self._receiver.whole(request)
        if whole is None:
            return None
        try:
            return whole, whole.predictor.decode(whole)
        except RequestError as error:
            return error

    def predict(self, x: _Step) -> _Step:
        """Return what is predicted."""
        if x is None or isinstance(x, RequestError):
            return x
        request, decoded = x
        try:
            return request, request.predictor.predict(request, decoded)
        except RequestError as error:
            return error

    def encode_response(self, output: _Step) -> Answer:
        """Return the answer."""
        if output is None:
            return Answer(b"", (), is_unknown=True)
        if isinstance(output, RequestError):
            return Answer(b"", (), output)
        request, predicted = output
        try:
            return request.predictor.encode(request, predicted)
        except RequestError as error:
            return Answer(b"", (), error)

    def answer_soon(self, request: PredictRequest) -> Answer | None:
        """Return the answer by the three steps that a worker takes, in this very process; None where it takes long."""
        if len(request.body) >= LARGE_BYTES:
            return None
        predictor = request.predictor
        try:
            decoded = predictor.decode_soon(request)
            if decoded is None:
                return None
            return predictor.encode(request, predictor.predict(request, decoded))
        except RequestError as error:
            return Answer(b"", (), error)
