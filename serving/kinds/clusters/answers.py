"""Writes predictions as JSON: `{"predictions": [{"cluster", "label", "distance"}], …`."""

from __future__ import annotations

import json
from functools import lru_cache
from heapq import nsmallest
from typing import Final

import numpy as np
import orjson

from scoring.kmeans import Floats, Integers
from serving.kinds.prediction import Answer
from serving.rows_in.faults import MOST_FAULTS, Wrong

# A row takes many times its bytes while it is written: so many are written at once.
_BLOCK_ROWS: Final = 16_384


def encode(
    clusters: Integers | list[int], distances: Floats | list[float], labels: tuple[str, ...], chain_json: bytes
) -> bytes:
    """Return the answer for n rows; ``chain_json`` is the rest of the object, from its first key on."""
    heads = _heads(labels)
    if len(clusters) <= _BLOCK_ROWS:
        return b'{"predictions":[' + b"},".join(_written(heads, clusters, distances)) + b"}]," + chain_json
    blocks = (slice(begin, begin + _BLOCK_ROWS) for begin in range(0, len(clusters), _BLOCK_ROWS))
    rows = b"},".join([b"},".join(_written(heads, clusters[block], distances[block])) for block in blocks])
    return b"".join((b'{"predictions":[', rows, b"}],", chain_json))


def encode_apart(
    clusters: Integers | list[int],
    distances: Floats | list[float],
    labels: tuple[str, ...],
    wrong: Wrong,
    chain_json: bytes,
) -> Answer:
    """Return the answer in which rows with a fault are null, and `errors` has the first twenty by index of the row."""
    heads = _heads(labels)
    blocks: list[bytes] = []
    for begin in range(0, len(clusters), _BLOCK_ROWS):
        part = slice(begin, begin + _BLOCK_ROWS)
        written = _written(heads, clusters[part], distances[part])
        is_wrong = wrong.rows[part].tolist()
        blocks.append(b",".join([b"null" if none else row + b"}" for none, row in zip(is_wrong, written, strict=True)]))
    counts = np.bincount(np.asarray(clusters)[~wrong.rows], minlength=len(labels)).tolist()
    told = [(i, wrong.told[i]) for i in nsmallest(MOST_FAULTS, wrong.told)]
    errors = [{"index": i, "loc": fault.loc, "msg": fault.msg} for i, fault in told]
    # Names that a client sent may hold half of a surrogate pair, which only this encoder writes.
    tail = json.dumps({"errors": errors}, separators=(",", ":")).encode()
    body = b"".join((b'{"predictions":[', b",".join(blocks), b"],", tail[1:-1], b",", chain_json))
    return Answer(body, tuple(counts))


def _written(heads: tuple[bytes, ...], clusters: Integers | list[int], distances: Floats | list[float]) -> list[bytes]:
    """Return each row as JSON but for its last brace; only the distances have to go through an encoder."""
    numbers = orjson.dumps(distances, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    chosen = clusters if isinstance(clusters, list) else clusters.tolist()
    return [heads[c] + number for c, number in zip(chosen, numbers, strict=True)]


@lru_cache(maxsize=1024)
def _heads(labels: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(orjson.dumps({"cluster": i, "label": label})[:-1] + b',"distance":' for i, label in enumerate(labels))
