"""The model's contract with LitServe: one `LitAPI` for all versions, a body in, an answer out.

Small requests run through it in the API process, large ones in a worker process: docs/adr/0010.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from litserve import LitAPI

from contract.errors import Fault, InvalidRequestError, RequestError
from scoring.kmeans import FEW_ROWS, Assigner, Floats, Integers
from serving.kinds.clusters.answers import Answer, encode, encode_apart
from serving.kinds.clusters.tensors import OUTPUTS, encode_tensors
from serving.processes.liveness import hold, watch_parent
from serving.rows_in.bodies import Rows, reader
from serving.rows_in.faults import MOST_FAULTS, Wrong, explain, read_apart
from serving.rows_in.size import check_size
from serving.rows_in.tensors import Inference, decode

# LitServe's own route and queue; the last segment names the workers in LitServe's books.
QUEUE_PATH: Final = "/_queue/predict"


# From here on a body takes longer than the way to a worker and back, and would hold up small ones.
LARGE_BYTES: Final = 256 * 1024
# All faults are looked for at 0.2 ms a KiB.
_FAULTY_BYTES: Final = 16 * 1024
# A row that is wrong has a fault, some 2 µs, and takes the room of one that is not.
_FAULTY_NUMBERS: Final = 20_000
_FAULT_NUMBERS: Final = 4
# What the event loop may stand still for one request.
_SOON_S: Final = 0.01


class Tensors(NamedTuple):
    """What makes a request one of the Open Inference Protocol.

    ``header_bytes``: how much of its body is JSON, None where all is. ``chain``: model, version, run and batch.
    """

    header_bytes: int | None
    chain: Mapping[str, Any]


class PredictRequest(NamedTuple):
    """A body, and the version that it is for: its numbers, and the end of its answer as JSON.

    ``apart``: a row that cannot be answered gets null and an error of its own, and the others their answer.
    ``shadow``: another version's numbers; not the rows are to be answered then, but how many get another label.
    """

    body: bytes
    assigner: Assigner
    chain_json: bytes
    apart: bool = False
    tensors: Tensors | None = None
    shadow: Assigner | None = None


class Points(NamedTuple):
    """Decoded rows, NaN where a value is missing: [n, d], or n lists where they are few; which have a fault."""

    rows: Floats | list[list[float]]
    request: PredictRequest
    wrong: Wrong | None = None
    inference: Inference | None = None


class Assigned(NamedTuple):
    """Clusters [n] and distances [n] of the rows of a request; of no meaning where a row has a fault."""

    clusters: Integers | list[int]
    distances: Floats | list[float]
    request: PredictRequest
    wrong: Wrong | None = None
    inference: Inference | None = None
    differing: int | None = None


def assign(assigner: Assigner, rows: Floats) -> tuple[Integers, Floats]:
    """Return clusters and distances; a distance beyond the largest double is infinite, without a warning."""
    with np.errstate(over="ignore", invalid="ignore"):
        return assigner.assign(rows)


_TOO_FAR: Final = "so large that its distance is no finite number"


def seconds(n: int, assigner: Assigner, *, apart: bool = False) -> float:
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


class Clusterer(LitAPI):  # type: ignore[misc] # litserve has no types
    """Assigns the rows of a request to the clusters of its version.

    A body that cannot be read travels as a value: LitServe turns an exception of a worker into a bare 500.
    """

    def __init__(self, locks: Path) -> None:
        super().__init__(api_path=QUEUE_PATH)
        self._locks = locks

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Begin as a worker; there is nothing to load, the numbers come with each request."""
        watch_parent()
        hold(self._locks)

    def decode_request(self, request: PredictRequest) -> Points | RequestError:
        """Return the rows in the request's body, or why they cannot be read."""
        features = request.assigner.scoring.features
        try:
            if request.tensors is not None:
                return _tensor_points(request)
            check_size(request.body)
            rows = reader(features).read_sound(request.body)
            if not rows and request.apart:
                apart, wrong = read_apart(request.body, features)
                return Points(apart, request, wrong)
            return _points(rows or explain(request.body, features), request)
        except RequestError as error:
            return error

    def decode_soon(self, request: PredictRequest) -> Points | RequestError | None:
        """Return what :meth:`decode_request` does; None where that, or what follows, is no work for the event loop."""
        decoded: Points | RequestError | None
        features = request.assigner.scoring.features
        faulty_too = len(request.body) <= _FAULTY_BYTES and (
            not request.apart or request.body.count(b",") * (len(features) + _FAULT_NUMBERS) <= _FAULTY_NUMBERS
        )
        if request.tensors is not None or faulty_too:
            decoded = self.decode_request(request)
        else:
            rows = reader(features).read_sound(request.body)
            decoded = _points(rows, request) if rows else None
        n = len(decoded.rows) if isinstance(decoded, Points) else 0
        return None if seconds(n, request.assigner, apart=request.apart) > _SOON_S else decoded

    def predict(self, x: Points | RequestError) -> Assigned | RequestError:
        """Return cluster and distance of each row."""
        if isinstance(x, RequestError):
            return x
        assigner = x.request.assigner
        if isinstance(x.rows, np.ndarray):
            clusters, distances = assign(assigner, x.rows)
            assigned = Assigned(clusters, distances, x.request, x.wrong, x.inference)
        else:
            pairs = [assigner.assign_row(row) for row in x.rows]
            assigned = Assigned([c for c, _ in pairs], [d for _, d in pairs], x.request, x.wrong)
        if x.request.shadow is not None:
            return assigned._replace(differing=_differing(x, assigned, x.request.shadow))
        if x.request.apart:
            return assigned._replace(wrong=_with_too_far(assigned))
        return too_far(assigned.distances) or assigned

    def encode_response(self, output: Assigned | RequestError) -> Answer:
        """Return the answer as JSON."""
        if isinstance(output, RequestError):
            return Answer(b"", (), output)
        labels = output.request.assigner.scoring.labels
        if output.differing is not None:
            return Answer(b"", (), differing=output.differing)
        if output.inference is not None and output.request.tensors is not None:
            return _tensor_answer(output, output.inference, output.request.tensors)
        clusters = output.clusters
        if output.request.apart and output.wrong is not None:
            return encode_apart(clusters, output.distances, labels, output.wrong, output.request.chain_json)
        if isinstance(clusters, list):
            counts = list(map(clusters.count, range(len(labels))))
        else:
            counts = np.bincount(clusters, minlength=len(labels)).tolist()
        body = encode(clusters, output.distances, labels, output.request.chain_json)
        return Answer(body, tuple(counts))

    def answer_soon(self, request: PredictRequest) -> Answer | None:
        """Return the answer by the three steps that a worker takes, in this very process; None where it takes long."""
        if len(request.body) >= LARGE_BYTES:
            return None
        decoded = self.decode_soon(request)
        return None if decoded is None else self.encode_response(self.predict(decoded))


def _with_too_far(assigned: Assigned) -> Wrong:
    far = ~np.isfinite(assigned.distances)
    told = {i: Fault(("rows", i), _TOO_FAR) for i in np.flatnonzero(far)[:MOST_FAULTS].tolist()}
    read = assigned.wrong
    return Wrong(far, told) if read is None else Wrong(far | read.rows, told | read.told)


def _points(rows: Rows, request: PredictRequest) -> Points:
    n, d = len(rows), len(request.assigner.scoring.features)
    if n <= FEW_ROWS:
        return Points([[math.nan if x is None else x for x in row] for row in rows], request)
    # numpy reads None as NaN; the flat way is twice as quick as np.array over tuples.
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=n * d)
    return Points(flat.reshape(n, d), request)


def _tensor_points(request: PredictRequest) -> Points:
    tensors = request.tensors
    header_bytes = None if tensors is None else tensors.header_bytes
    inference = decode(request.body, header_bytes, request.assigner.scoring.features, tuple(OUTPUTS))
    return Points(inference.rows, request, inference=inference)


def _tensor_answer(output: Assigned, inference: Inference, tensors: Tensors) -> Answer:
    labels = output.request.assigner.scoring.labels
    clusters, distances = np.asarray(output.clusters), np.asarray(output.distances)
    body, json_bytes = encode_tensors(inference, clusters, distances, labels, tensors.chain)
    counts = np.bincount(clusters, minlength=len(labels)).tolist()
    return Answer(body, tuple(counts), json_bytes=json_bytes)


def _differing(x: Points, assigned: Assigned, shadow: Assigner) -> int:
    """Return of how many rows the two versions give another label; a row without an answer has none."""
    own = _labelled(x.request.assigner, assigned.clusters, assigned.distances)
    other = _labelled(shadow, *assign(shadow, np.asarray(x.rows)))
    unlike = own != other
    if x.wrong is not None:
        unlike[x.wrong.rows] = False
    return int(np.count_nonzero(unlike))


def _labelled(assigner: Assigner, clusters: Integers | list[int], distances: Floats | list[float]) -> Any:
    labels = np.array([*assigner.scoring.labels, None], dtype=object)
    return labels[np.where(np.isfinite(distances), clusters, -1)]
