"""Writes predictions as JSON: `{"predictions": [{"cluster", "label", "distance"}], …`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from heapq import nsmallest
from typing import Any, NamedTuple

import orjson

from contract.errors import Fault, RequestError
from scoring.kmeans import Floats
from serving.faults import MOST_FAULTS


class Answer(NamedTuple):
    """A body and how many rows went to each cluster; or the error that stands for both.

    ``json_bytes``: how much of the body is JSON, where binary tensors follow it. ``differing``: instead of a body, of
    how many rows another version gives another label.
    """

    body: bytes
    counts: tuple[int, ...]
    error: RequestError | None = None
    json_bytes: int | None = None
    differing: int | None = None


def encode(
    clusters: Sequence[int], distances: Floats | list[float], labels: tuple[str, ...], chain_json: bytes
) -> bytes:
    """Return the answer for n rows; ``chain_json`` is the rest of the object, from its first key on.

    Only the distances are new in each answer, so only they go through a JSON encoder.
    """
    heads = _heads(labels)
    numbers = orjson.dumps(distances, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    rows = b"},".join([heads[c] + number for c, number in zip(clusters, numbers, strict=True)])
    return b'{"predictions":[' + rows + b"}]," + chain_json


def encode_apart(
    clusters: Sequence[int],
    distances: Floats | list[float],
    labels: tuple[str, ...],
    wrong: Mapping[int, Fault | None],
    chain_json: bytes,
) -> Answer:
    """Return the answer in which rows with a fault are null, and `errors` has the first twenty by index of the row."""
    counts = [0] * len(labels)
    predictions: list[dict[str, Any] | None] = []
    for i, (cluster, distance) in enumerate(zip(clusters, map(float, distances), strict=True)):
        if i in wrong:
            predictions.append(None)
        else:
            counts[cluster] += 1
            predictions.append({"cluster": cluster, "label": labels[cluster], "distance": distance})
    told = [(i, wrong[i]) for i in nsmallest(MOST_FAULTS, wrong)]
    errors = [{"index": i, "loc": fault.loc, "msg": fault.msg} for i, fault in told if fault is not None]
    # Names that a client sent may hold half of a surrogate pair, which only this encoder writes.
    head = json.dumps({"predictions": predictions, "errors": errors}, separators=(",", ":")).encode()
    return Answer(head[:-1] + b"," + chain_json, tuple(counts))


@lru_cache(maxsize=1024)
def _heads(labels: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(orjson.dumps({"cluster": i, "label": label})[:-1] + b',"distance":' for i, label in enumerate(labels))
