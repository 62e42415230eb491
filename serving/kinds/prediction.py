"""A request for predictions, its answer, and what a kind of model does between them: all that goes to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from contract.errors import RequestError


class Tensors(NamedTuple):
    """What makes a request one of the Open Inference Protocol.

    ``header_bytes``: how much of its body is JSON, None where all is. ``chain``: model, version, run and batch.
    """

    header_bytes: int | None
    chain: Mapping[str, Any]


class PredictRequest(NamedTuple):
    """A body, and the version that it is for: what answers it, and the end of its answer as JSON.

    ``apart``: a row that cannot be answered gets null and an error of its own, and the others their answer.
    ``posting`` is the name of the route.
    ``shadow``: what answers for another version; not the rows are to be answered then, but how many it answers
    otherwise.
    """

    body: bytes
    predictor: Predictor
    chain_json: bytes
    apart: bool = False
    tensors: Tensors | None = None
    shadow: Any = None
    posting: str = "predict"


class Answer(NamedTuple):
    """A body and how many rows got which outcome, as its kind counts them; or the error that stands for both.

    ``json_bytes``: how much of the body is JSON, where binary tensors follow it. ``differing``: instead of a body, of
    how many rows another version gives another answer. ``is_unknown``: the worker has no such predictor, and asks
    for it.
    """

    body: bytes
    counts: tuple[int, ...]
    error: RequestError | None = None
    json_bytes: int | None = None
    differing: int | None = None
    is_unknown: bool = False


class Predictor(Protocol):
    """The numbers of one version, and LitServe's three steps over them. It goes to each worker that needs it, pickled.

    Each step raises :class:`RequestError` for what is wrong with the request.
    """

    def decode(self, request: PredictRequest) -> Any:
        """Return what the body of a request holds."""

    def decode_soon(self, request: PredictRequest) -> Any:
        """Return what :meth:`decode` does; None where that, or what follows, is no work for the event loop."""

    def predict(self, request: PredictRequest, decoded: Any) -> Any:
        """Return what is predicted; with a shadow in the request, how the two compare."""

    def encode(self, request: PredictRequest, predicted: Any) -> Answer:
        """Return it as it is answered."""
