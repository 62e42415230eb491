"""Answers requests for the clusters of rows: the steps between a body and an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from contract.errors import Fault, InvalidRequestError
from scoring.kmeans import FEW_ROWS, Floats, Integers
from scoring.scorer import ClusterAssigner
from serving.kinds.clusters.answers import encode, encode_apart
from serving.kinds.clusters.tensors import OUTPUTS, encode_tensors
from serving.kinds.prediction import Answer, PredictRequest, Tensors
from serving.rows_in.bodies import Rows, reader
from serving.rows_in.faults import MOST_FAULTS, Wrong, explain, read_apart
from serving.rows_in.size import check_size
from serving.rows_in.tensors import Inference, decode

# All faults are looked for at 0.2 ms a KiB.
_FAULTY_BYTES: Final = 16 * 1024
# A row that is wrong has a fault, some 2 µs, and takes the room of one that is not.
_FAULTY_NUMBERS: Final = 20_000
_FAULT_NUMBERS: Final = 4
# What the event loop may stand still for one request.
_SOON_S: Final = 0.01


class Points(NamedTuple):
    """Decoded rows, NaN where a value is missing: [n, d], or n lists where they are few; which have a fault."""

    rows: Floats | list[list[float]]
    wrong: Wrong | None = None
    inference: Inference | None = None


class Assigned(NamedTuple):
    """Clusters [n] and distances [n] of the rows of a request; of no meaning where a row has a fault."""

    clusters: Integers | list[int]
    distances: Floats | list[float]
    wrong: Wrong | None = None
    inference: Inference | None = None
    differing: int | None = None


def assign(assigner: ClusterAssigner, rows: Floats) -> tuple[Integers, Floats]:
    """Return clusters and distances; a distance beyond the largest double is infinite, without a warning."""
    with np.errstate(over="ignore", invalid="ignore"):
        return assigner.assign(rows)


_TOO_FAR: Final = "so large that its distance is no finite number"


def seconds(n: int, assigner: ClusterAssigner, *, apart: bool = False) -> float:
    """Return about how long ``n`` rows take to be assigned and written: few go number by number, many by column."""
    numbers = len(assigner.scoring.centers) * len(assigner.scoring.features)
    each = 60e-9 * n if n <= FEW_ROWS else 2.5e-6 + 2e-9 * n
    return (1.2e-6 if apart else 0.8e-6) * n + numbers * each


def too_far(distances: Floats | list[float]) -> InvalidRequestError | None:
    """Return what to say of rows whose distance is beyond the largest double; None where there are none."""
    if all(map(math.isfinite, distances)) if isinstance(distances, list) else np.isfinite(distances).all():
        return None
    faults = [Fault(("rows", int(i)), _TOO_FAR) for i in np.flatnonzero(~np.isfinite(distances))[:MOST_FAULTS]]
    return InvalidRequestError(f"row {faults[0].loc[1]} is {_TOO_FAR}", faults)


@dataclass(frozen=True)
class ClusterPredictor:
    """Assigns the rows of a request to the clusters of its version."""

    assigner: ClusterAssigner

    def decode(self, request: PredictRequest) -> Points:
        """Return the rows in the request's body.

        Raises
        ------
        RequestError: they cannot be read.
        """
        features = self.assigner.scoring.features
        if request.tensors is not None:
            inference = decode(request.body, request.tensors.header_bytes, features, tuple(OUTPUTS))
            return Points(inference.rows, inference=inference)
        check_size(request.body)
        rows = reader(features).read_sound(request.body)
        if not rows and request.apart:
            return Points(*read_apart(request.body, features))
        return _points(rows or explain(request.body, features), len(features))

    def decode_soon(self, request: PredictRequest) -> Points | None:
        """Return what :meth:`decode` does; None where that, or what follows, is no work for the event loop.

        Raises
        ------
        RequestError: they cannot be read.
        """
        decoded: Points | None
        features = self.assigner.scoring.features
        faulty_too = len(request.body) <= _FAULTY_BYTES and (
            not request.apart or request.body.count(b",") * (len(features) + _FAULT_NUMBERS) <= _FAULTY_NUMBERS
        )
        if request.tensors is not None or faulty_too:
            decoded = self.decode(request)
        else:
            rows = reader(features).read_sound(request.body)
            decoded = _points(rows, len(features)) if rows else None
        n = len(decoded.rows) if decoded else 0
        return None if seconds(n, self.assigner, apart=request.apart) > _SOON_S else decoded

    def predict(self, request: PredictRequest, decoded: Points) -> Assigned:
        """Return cluster and distance of each row.

        Raises
        ------
        InvalidRequestError: a row is too far from every cluster.
        """
        assigner = self.assigner
        if isinstance(decoded.rows, np.ndarray):
            clusters, distances = assign(assigner, decoded.rows)
            assigned = Assigned(clusters, distances, decoded.wrong, decoded.inference)
        else:
            pairs = [assigner.assign_row(row) for row in decoded.rows]
            assigned = Assigned([c for c, _ in pairs], [d for _, d in pairs], decoded.wrong)
        if request.shadow is not None:
            return assigned._replace(differing=_differing(assigner, decoded, assigned, request.shadow.assigner))
        if request.apart:
            return assigned._replace(wrong=_with_too_far(assigned))
        refused = too_far(assigned.distances)
        if refused is not None:
            raise refused
        return assigned

    def encode(self, request: PredictRequest, predicted: Assigned) -> Answer:
        """Return the answer as JSON."""
        labels, clusters = self.assigner.scoring.labels, predicted.clusters
        if predicted.differing is not None:
            return Answer(b"", (), differing=predicted.differing)
        if predicted.inference is not None and request.tensors is not None:
            return _tensor_answer(predicted, labels, predicted.inference, request.tensors)
        if request.apart and predicted.wrong is not None:
            return encode_apart(clusters, predicted.distances, labels, predicted.wrong, request.chain_json)
        if isinstance(clusters, list):
            counts = list(map(clusters.count, range(len(labels))))
        else:
            counts = np.bincount(clusters, minlength=len(labels)).tolist()
        return Answer(encode(clusters, predicted.distances, labels, request.chain_json), tuple(counts))


def _with_too_far(assigned: Assigned) -> Wrong:
    far = ~np.isfinite(assigned.distances)
    told = {i: Fault(("rows", i), _TOO_FAR) for i in np.flatnonzero(far)[:MOST_FAULTS].tolist()}
    read = assigned.wrong
    return Wrong(far, told) if read is None else Wrong(far | read.rows, told | read.told)


def _points(rows: Rows, width: int) -> Points:
    n = len(rows)
    if n <= FEW_ROWS:
        return Points([[math.nan if x is None else x for x in row] for row in rows])
    # numpy reads None as NaN; the flat way is twice as quick as np.array over tuples.
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=n * width)
    return Points(flat.reshape(n, width))


def _tensor_answer(assigned: Assigned, labels: tuple[str, ...], inference: Inference, tensors: Tensors) -> Answer:
    clusters, distances = np.asarray(assigned.clusters), np.asarray(assigned.distances)
    body, json_bytes = encode_tensors(inference, clusters, distances, labels, tensors.chain)
    counts = np.bincount(clusters, minlength=len(labels)).tolist()
    return Answer(body, tuple(counts), json_bytes=json_bytes)


def _differing(assigner: ClusterAssigner, x: Points, assigned: Assigned, shadow: ClusterAssigner) -> int:
    """Return of how many rows the two versions give another label; a row without an answer has none."""
    own = _labelled(assigner, assigned.clusters, assigned.distances)
    other = _labelled(shadow, *assign(shadow, np.asarray(x.rows)))
    unlike = own != other
    if x.wrong is not None:
        unlike[x.wrong.rows] = False
    return int(np.count_nonzero(unlike))


def _labelled(assigner: ClusterAssigner, clusters: Integers | list[int], distances: Floats | list[float]) -> Any:
    labels = np.array([*assigner.scoring.labels, None], dtype=object)
    return labels[np.where(np.isfinite(distances), clusters, -1)]
