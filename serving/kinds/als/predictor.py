"""Answers requests for recommendations and ratings: the steps between a body and an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from contract.errors import RequestTooLargeError
from serving.kinds.als import pairs, recommend, requests
from serving.kinds.als.numbers import Files, RecommenderNumbers, mapped
from serving.kinds.als.pairs import Pairs, Predicted
from serving.kinds.als.recommend import Recommended
from serving.kinds.als.requests import Wanted
from serving.kinds.prediction import Answer, PredictRequest
from serving.rows_in.bodies import reader
from serving.rows_in.cells import Inputs
from serving.rows_in.faults import explain, read_apart
from serving.rows_in.size import check_size
from serving.rows_in.tensors import decode

RECOMMEND: Final = "recommend"
OUTCOMES: Final = (recommend.RATINGS, recommend.POPULARITY, "predicted", "unknown")
"""What becomes of a user or a row, as it is counted."""
# What the event loop may stand still for one request.
_SOON_S: Final = 0.005
# And a worker, which works on when nobody waits any more.
_MOST_S: Final = 10.0
# A body that is taken apart, or explained, in so long.
_SOON_BYTES: Final = 64 * 1024
_FAULTY_BYTES: Final = 16 * 1024
_TYPES: Final = {"string": "string", "int32": "long", "int64": "long"}


class Lists(NamedTuple):
    """What each user of a request is recommended."""

    wanted: Wanted
    found: Sequence[Recommended]


class Differing(NamedTuple):
    """For how many users or rows another version answers otherwise."""

    rows: int


@dataclass(frozen=True, eq=False)
class RecommenderPredictor:
    """Answers for one version. To a worker only its ``files`` go, which maps them itself."""

    files: Files
    own: RecommenderNumbers | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without the numbers."""
        return type(self), (self.files,)

    @property
    def numbers(self) -> RecommenderNumbers:
        """The version's numbers.

        Raises
        ------
        VersionUnavailableError: they were to be mapped, and are gone.
        """
        return self.own or mapped(self.files)

    @property
    def inputs(self) -> Inputs:
        """What a row has: a user and an item."""
        columns = self.files.columns
        return {column.name: _TYPES[column.type] for column in (columns.user, columns.item)}

    def decode(self, request: PredictRequest) -> Wanted | Pairs:
        """Return what a request's body asks.

        Raises
        ------
        RequestError: it cannot be read.
        """
        if request.posting == RECOMMEND:
            return requests.decode(request.body)
        inputs = self.inputs
        if request.tensors is not None:
            inference = decode(request.body, request.tensors.header_bytes, inputs, pairs.OUTPUTS)
            users, items = inference.columns
            return Pairs(users, items, inference=inference)
        check_size(request.body)
        rows: Any = reader(tuple(inputs), tuple(inputs.values())).read_sound(request.body)
        wrong = None
        if not rows and request.apart:
            rows, wrong = read_apart(request.body, inputs)
        users, items = zip(*(rows or explain(request.body, inputs)), strict=True)
        return Pairs(users, items, wrong)

    def decode_soon(self, request: PredictRequest) -> Wanted | Pairs | None:
        """Return what :meth:`decode` does; None where that, or what follows, is no work for the event loop.

        Raises
        ------
        RequestError: it cannot be read.
        """
        if len(request.body) > (_SOON_BYTES if request.posting == RECOMMEND else _FAULTY_BYTES):
            return None
        decoded = self.decode(request)
        if isinstance(decoded, Wanted):
            taken = recommend.seconds(self.numbers, decoded)
        else:
            taken = pairs.seconds(len(decoded.users))
        return None if taken > _SOON_S else decoded

    def predict(self, request: PredictRequest, decoded: Wanted | Pairs) -> Lists | Predicted | Differing:
        """Return the answers.

        Raises
        ------
        InvalidRequestError: ratings are too large for one.
        RequestTooLargeError: it would keep a worker for long.
        """
        numbers = self.numbers
        if isinstance(decoded, Wanted):
            if recommend.seconds(numbers, decoded) > _MOST_S:
                raise RequestTooLargeError(
                    f"it would take a worker longer than {_MOST_S:g} s; send fewer users at once"
                )
            lists = recommend.recommend(numbers, decoded)
            if request.shadow is None:
                return Lists(decoded, lists)
            other = request.shadow.numbers
            theirs = recommend.recommend(other, decoded)
            return Differing(recommend.differing(lists, theirs, (numbers.items, other.items)))
        predicted = pairs.predict(numbers, decoded)
        if request.shadow is None:
            return predicted
        return Differing(pairs.differing(predicted, pairs.predict(request.shadow.numbers, decoded)))

    def encode(self, request: PredictRequest, predicted: Lists | Predicted | Differing) -> Answer:
        """Return the answer as JSON, or as tensors where these were sent."""
        if isinstance(predicted, Differing):
            return Answer(b"", (), differing=predicted.rows)
        if isinstance(predicted, Lists):
            body = recommend.encode(predicted.found, predicted.wanted, self.numbers.items, request.chain_json)
            bases = [one.basis for one in predicted.found]
            return Answer(body, (bases.count(recommend.RATINGS), bases.count(recommend.POPULARITY), 0, 0))
        wrong = predicted.pairs.wrong
        unknown = predicted.unknown if wrong is None else int(np.count_nonzero(predicted.reasons[~wrong.rows]))
        rows = len(predicted.ratings) - (0 if wrong is None else int(np.count_nonzero(wrong.rows)))
        counts = (0, 0, rows - unknown, unknown)
        inference = predicted.pairs.inference
        if inference is not None and request.tensors is not None:
            body, json_bytes = pairs.encode_tensors(predicted, inference, request.tensors)
            return Answer(body, counts, json_bytes=json_bytes)
        return Answer(pairs.encode(predicted, request.chain_json), counts)
