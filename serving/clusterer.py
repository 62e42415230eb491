"""The model's contract with LitServe: one `LitAPI` for all versions, a body in, an answer out.

Small requests run through it in the API process, large ones in a worker process: docs/adr/0010.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from litserve import LitAPI

from contract.errors import Fault, InvalidRequestError, RequestError
from scoring.kmeans import FEW_ROWS, Assigner, Floats, Integers
from serving.answers import Answer, encode, encode_apart
from serving.bodies import Rows, reader
from serving.faults import read_apart
from serving.liveness import hold, watch_parent

# LitServe's own route and queue; the last segment names the workers in LitServe's books.
QUEUE_PATH: Final = "/_queue/predict"


_NO_FAULTS: Final[Mapping[int, Fault]] = {}


class PredictRequest(NamedTuple):
    """A body, and the version that it is for: its numbers, and the end of its answer as JSON.

    ``apart``: a row that cannot be answered gets null and an error of its own, and the others their answer.
    """

    body: bytes
    assigner: Assigner
    chain_json: bytes
    apart: bool = False


class Points(NamedTuple):
    """Decoded rows, NaN where a value is missing: [n, d], or n lists where they are few; faults by row."""

    rows: Floats | list[list[float]]
    request: PredictRequest
    wrong: Mapping[int, Fault] = _NO_FAULTS


class Assigned(NamedTuple):
    """Clusters [n] and distances [n] of the rows of a request; of no meaning where a row has a fault."""

    clusters: Integers | list[int]
    distances: Floats | list[float]
    request: PredictRequest
    wrong: Mapping[int, Fault] = _NO_FAULTS


def assign(assigner: Assigner, rows: Floats) -> tuple[Integers, Floats]:
    """Return clusters and distances; a distance beyond the largest double is infinite, without a warning."""
    with np.errstate(over="ignore", invalid="ignore"):
        return assigner.assign(rows)


_TOO_FAR: Final = "so large that its distance is no finite number"


def too_far(distances: Floats | list[float]) -> InvalidRequestError | None:
    """Return what to say of rows whose distance is beyond the largest double; None where there are none."""
    if all(map(math.isfinite, distances)) if isinstance(distances, list) else np.isfinite(distances).all():
        return None
    faults = [Fault(("rows", int(i)), _TOO_FAR) for i in np.flatnonzero(~np.isfinite(distances))[:20]]
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
        rows: Rows
        wrong = _NO_FAULTS
        try:
            if request.apart:
                rows, wrong = read_apart(request.body, features)
            else:
                rows = reader(features).read(request.body)
        except RequestError as error:
            return error
        n, d = len(rows), len(features)
        if n <= FEW_ROWS:
            return Points([[math.nan if x is None else x for x in row] for row in rows], request, wrong)
        # numpy reads None as NaN; the flat way is twice as quick as np.array over tuples.
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=n * d)
        return Points(flat.reshape(n, d), request, wrong)

    def predict(self, x: Points | RequestError) -> Assigned | RequestError:
        """Return cluster and distance of each row."""
        if isinstance(x, RequestError):
            return x
        assigner = x.request.assigner
        if isinstance(x.rows, np.ndarray):
            clusters, distances = assign(assigner, x.rows)
            assigned = Assigned(clusters, distances, x.request, x.wrong)
        else:
            pairs = [assigner.assign_row(row) for row in x.rows]
            assigned = Assigned([c for c, _ in pairs], [d for _, d in pairs], x.request, x.wrong)
        if x.request.apart:
            far = {int(i): Fault(("rows", int(i)), _TOO_FAR) for i in np.flatnonzero(~np.isfinite(assigned.distances))}
            return assigned._replace(wrong=far | dict(x.wrong))
        return too_far(assigned.distances) or assigned

    def encode_response(self, output: Assigned | RequestError) -> Answer:
        """Return the answer as JSON."""
        if isinstance(output, RequestError):
            return Answer(b"", (), output)
        labels = output.request.assigner.scoring.labels
        if isinstance(output.clusters, list):
            clusters, counts = output.clusters, list(map(output.clusters.count, range(len(labels))))
        else:
            clusters, counts = output.clusters.tolist(), np.bincount(output.clusters, minlength=len(labels)).tolist()
        if output.request.apart:
            return encode_apart(clusters, output.distances, labels, output.wrong, output.request.chain_json)
        body = encode(clusters, output.distances, labels, output.request.chain_json)
        return Answer(body, tuple(counts))

    def answer(self, request: PredictRequest) -> Answer:
        """Return the answer in this very process: the three steps that a worker takes."""
        return self.encode_response(self.predict(self.decode_request(request)))
