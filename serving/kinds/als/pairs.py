"""The ratings that a version predicts for pairs of user and item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from scoring.factors import Singles
from serving.kinds.als.numbers import RecommenderNumbers
from serving.kinds.prediction import Tensors
from serving.rows_in.cells import Cell
from serving.rows_in.faults import MOST_FAULTS, Wrong
from serving.rows_in.tensors import Inference

RATING: Final = "rating"
OUTPUTS: Final = (RATING,)
_UNKNOWN: Final = (b"unknown user", b"unknown item", b"unknown user and item")
# Two versions never predict the same; a tenth is what a person would see.
_APART: Final = 0.1


class Pairs(NamedTuple):
    """Users and items of n rows, None where one is missing; which rows have a fault."""

    users: Sequence[Cell]
    items: Sequence[Cell]
    wrong: Wrong | None = None
    inference: Inference | None = None


class Predicted(NamedTuple):
    """Ratings [n], NaN where there is none, and why: 0 there is one, 1 no such user, 2 no such item, 3 neither."""

    ratings: Singles
    reasons: npt.NDArray[np.int64]
    pairs: Pairs

    @property
    def unknown(self) -> int:
        """How many rows have no rating."""
        return int(np.count_nonzero(self.reasons))


def seconds(n: int) -> float:
    """Return about how long ``n`` pairs take to be found and written."""
    return 9e-6 * n


def predict(numbers: RecommenderNumbers, pairs: Pairs) -> Predicted:
    """Return the rating of each pair, Spark's to the last bit."""
    users, items = (_places(names.places(cells)) for names, cells in _columns(numbers, pairs))
    reasons = (users < 0) + 2 * (items < 0)
    ratings = np.full(len(users), np.nan, np.float32)
    known = reasons == 0
    if known.any():
        ratings[known] = numbers.scorer.predict_pairs(users[known], items[known])
    return Predicted(ratings, reasons, pairs)


def _columns(numbers: RecommenderNumbers, pairs: Pairs) -> Any:
    return (numbers.users, pairs.users), (numbers.items, pairs.items)


def _places(found: list[int | None]) -> npt.NDArray[np.int64]:
    return np.array([-1 if place is None else place for place in found], dtype=np.int64)


def differing(one: Predicted, other: Predicted) -> int:
    """Return of how many rows two versions give ratings that are more than a tenth apart, or only one gives any."""
    mine, theirs = one.ratings, other.ratings
    with np.errstate(invalid="ignore"):
        apart = np.abs(mine - theirs) > _APART * np.maximum(np.abs(mine), np.abs(theirs))
    return int(np.count_nonzero(apart | (np.isnan(mine) != np.isnan(theirs))))


def encode(predicted: Predicted, chain_json: bytes) -> bytes:
    """Return the answer; rows with a fault are null, and `errors` has the first twenty of them."""
    numbers = orjson.dumps(predicted.ratings, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    rows = [
        b'{"rating":' + number + b',"reason":' + (b'"' + _UNKNOWN[why - 1] + b'"}' if why else b"null}")
        for number, why in zip(numbers, predicted.reasons.tolist(), strict=True)
    ]
    wrong = predicted.pairs.wrong
    if wrong is None:
        return b'{"predictions":[' + b",".join(rows) + b"]," + chain_json
    for i in np.flatnonzero(wrong.rows).tolist():
        rows[i] = b"null"
    told = sorted(wrong.told.items())[:MOST_FAULTS]
    errors = [{"index": i, "loc": fault.loc, "msg": fault.msg} for i, fault in told]
    # Names that a client sent may hold half of a surrogate pair, which only this encoder writes.
    tail = json.dumps({"errors": errors}, separators=(",", ":")).encode()
    return b"".join((b'{"predictions":[', b",".join(rows), b"],", tail[1:-1], b",", chain_json))


def encode_tensors(predicted: Predicted, inference: Inference, tensors: Tensors) -> tuple[bytes, int | None]:
    """Return the answer by the Open Inference Protocol, and the length of its JSON where bytes follow it.

    Where there is no rating, it is null in JSON and NaN in bytes.
    """
    ratings = predicted.ratings.astype("<f8")
    outputs: list[Mapping[str, Any]] = []
    tail = b""
    for name, as_bytes in inference.outputs.items():
        told = {"name": name, "datatype": "FP64", "shape": [len(ratings)]}
        if as_bytes:
            tail = ratings.tobytes()
            outputs.append({**told, "parameters": {"binary_data_size": len(tail)}})
        else:
            outputs.append({**told, "data": ratings})
    chain = tensors.chain
    answer = {
        "model_name": chain["model"],
        "model_version": str(chain["version"]),
        "parameters": {"run_id": chain["run_id"], "batch": chain["batch"]},
        "outputs": outputs,
        **({} if inference.id is None else {"id": inference.id}),
    }
    header = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return header + tail, len(header) if tail else None
