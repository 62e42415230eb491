"""The model's contract with LitServe: one `LitAPI` for all versions, numbers in, clusters out.

Small requests run through it in the API process, large ones in a worker process: see docs/adr/0010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from litserve import LitAPI

from scoring.kmeans import FEW_ROWS, Assigner, Floats
from serving.answers import encode
from serving.bodies import Rows, reader


@dataclass(frozen=True)
class PredictRequest:
    """A body, and the version that it is for: its numbers, and the end of its answer as JSON."""

    body: bytes
    assigner: Assigner
    chain_json: bytes


@dataclass(frozen=True)
class Points:
    """Decoded rows, NaN where a value is missing."""

    rows: Rows | Floats
    request: PredictRequest


@dataclass(frozen=True)
class Assigned:
    """Clusters [n] and distances [n] of the rows of a request."""

    clusters: list[int]
    distances: list[float]
    request: PredictRequest


Answer: TypeAlias = bytes


class Clusterer(LitAPI):  # type: ignore[misc] # litserve has no types
    """Assigns the rows of a request to the clusters of its version."""

    def setup(self, device: str) -> None:
        """Nothing to load: the numbers come with the request."""

    def decode_request(self, request: PredictRequest) -> Points:
        """Return the rows in the request's body.

        Raises
        ------
        RequestError: the body cannot be read.
        """
        rows = reader(request.assigner.scoring.features).read(request.body)
        if len(rows) <= FEW_ROWS:
            return Points([[math.nan if x is None else x for x in row] for row in rows], request)
        return Points(np.array(rows, dtype=np.float64), request)

    def predict(self, x: Points) -> Assigned:
        """Return cluster and distance of each row."""
        assigner = x.request.assigner
        if isinstance(x.rows, np.ndarray):
            clusters, distances = assigner.assign(x.rows)
            return Assigned(clusters.tolist(), distances.tolist(), x.request)
        pairs = [assigner.assign_row(row) for row in x.rows]  # type: ignore[arg-type]
        return Assigned([cluster for cluster, _ in pairs], [distance for _, distance in pairs], x.request)

    def encode_response(self, output: Assigned) -> Answer:
        """Return the answer as JSON."""
        labels = output.request.assigner.scoring.labels
        return encode(output.clusters, output.distances, labels, output.request.chain_json)
