"""LitServe as it is shipped, with one LitAPI per version: `python -m bench.serving.peers.litserve_apis FILE PORT`."""

from __future__ import annotations

import sys
from typing import Any

import litserve
import numpy as np

from bench.serving.model import FEATURES, given

VERSIONS = 3


class Predict(litserve.LitAPI):  # type: ignore[misc] # it ships no types
    """A version."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - there is one kind
        """Take the model in."""
        self.assigner, self.chain = given()

    def decode_request(self, request):  # type: ignore[no-untyped-def] # it takes an annotation for the body's model
        """Return the rows of a body."""
        return [[row[name] for name in FEATURES] for row in request["dataframe_records"]]

    def predict(self, rows: list[list[float]]) -> list[tuple[int, float]]:
        """Return cluster and distance of each row."""
        clusters, distances = self.assigner.assign(np.array(rows, dtype=np.float64))
        return list(zip(clusters.tolist(), distances.tolist(), strict=True))

    def encode_response(self, found: list[tuple[int, float]]) -> dict[str, Any]:
        """Return the answer."""
        labels = self.assigner.scoring.labels
        rows = [{"cluster": each, "label": labels[each], "distance": distance} for each, distance in found]
        return {"predictions": rows, **self.chain}


if __name__ == "__main__":
    server = litserve.LitServer([Predict(api_path=f"/v{n}/predict") for n in range(1, VERSIONS + 1)], accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
