"""Writes predictions as JSON: `{"predictions": [{"cluster", "label", "distance"}], …`, some with `probabilities`."""

from __future__ import annotations

import json
from functools import lru_cache
from heapq import nsmallest
from typing import Final, NamedTuple

import numpy as np
import orjson

from scoring.arrays import Floats, Integers
from serving.kinds.prediction import Answer
from serving.rows_in.faults import MOST_FAULTS, Wrong

# A row takes many times its bytes while it is written: so many are written at once.
_BLOCK_ROWS: Final = 16_384


class Rows(NamedTuple):
    """Of n rows the clusters [n], the distances [n] and, where the clustering has them, the probabilities [n, k]."""

    clusters: Integers | list[int]
    distances: Floats | list[float]
    probabilities: Floats | None = None

    def part(self, begin: int) -> Rows:
        """Return the rows from ``begin`` on that are written at once."""
        block, likely = slice(begin, begin + _BLOCK_ROWS), self.probabilities
        return Rows(self.clusters[block], self.distances[block], None if likely is None else likely[block])


def encode(rows: Rows, labels: tuple[str, ...], chain_json: bytes) -> bytes:
    """Return the answer for n rows; ``chain_json`` is the rest of the object, from its first key on."""
    heads = _heads(labels)
    n = len(rows.clusters)
    if n <= _BLOCK_ROWS:
        return b'{"predictions":[' + _together(heads, rows) + b"}]," + chain_json
    written = b"},".join([_together(heads, rows.part(begin)) for begin in range(0, n, _BLOCK_ROWS)])
    return b"".join((b'{"predictions":[', written, b"}],", chain_json))


def encode_apart(rows: Rows, labels: tuple[str, ...], wrong: Wrong, chain_json: bytes) -> Answer:
    """Return the answer in which rows with a fault are null, and `errors` has the first twenty by index of the row."""
    heads = _heads(labels)
    blocks: list[bytes] = []
    for begin in range(0, len(rows.clusters), _BLOCK_ROWS):
        written = _written(heads, rows.part(begin))
        is_wrong = wrong.rows[begin : begin + _BLOCK_ROWS].tolist()
        blocks.append(b",".join([b"null" if none else row + b"}" for none, row in zip(is_wrong, written, strict=True)]))
    counts = np.bincount(np.asarray(rows.clusters)[~wrong.rows], minlength=len(labels)).tolist()
    told = [(i, wrong.told[i]) for i in nsmallest(MOST_FAULTS, wrong.told)]
    errors = [{"index": i, "loc": fault.loc, "msg": fault.msg} for i, fault in told]
    # Names that a client sent may hold half of a surrogate pair, which only this encoder writes.
    tail = json.dumps({"errors": errors}, separators=(",", ":")).encode()
    body = b"".join((b'{"predictions":[', b",".join(blocks), b"],", tail[1:-1], b",", chain_json))
    return Answer(body, tuple(counts))


def _together(heads: tuple[bytes, ...], rows: Rows) -> bytes:
    """Return what :func:`_written` returns as one; a row's two pieces are joined with all others, not before."""
    if rows.probabilities is not None or len(rows.clusters) < len(heads):
        return b"},".join(_written(heads, rows))
    numbers = _doubles(rows.distances)
    pieces = numbers * 2
    following = np.array([b"}," + head for head in heads], dtype=object)
    pieces[::2] = following.take(rows.clusters).tolist()
    pieces[1::2] = numbers
    return b"".join(pieces)[2:]


def _written(heads: tuple[bytes, ...], rows: Rows) -> list[bytes]:
    """Return each row as JSON but for its last brace; only the doubles have to go through an encoder."""
    numbers = _doubles(rows.distances)
    written = [heads[c] + number for c, number in zip(_listed(rows.clusters), numbers, strict=True)]
    if rows.probabilities is None:
        return written
    likely = orjson.dumps(np.ascontiguousarray(rows.probabilities), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    each = likely.replace(b"],[", b"]|[").split(b"|")
    return [row + b',"probabilities":' + found for row, found in zip(written, each, strict=True)]


def _doubles(distances: Floats | list[float]) -> list[bytes]:
    return orjson.dumps(distances, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def _listed(clusters: Integers | list[int]) -> list[int]:
    return clusters if isinstance(clusters, list) else clusters.tolist()


@lru_cache(maxsize=1024)
def _heads(labels: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(orjson.dumps({"cluster": i, "label": label})[:-1] + b',"distance":' for i, label in enumerate(labels))
