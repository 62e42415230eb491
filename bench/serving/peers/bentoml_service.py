"""A BentoML service as its documentation shows one: `bentoml serve bench.serving.peers.bentoml_service:Predict`."""

# mypy: ignore-errors
# What a route takes and gives is read from its annotations, so they are not put off.

import os
from typing import Any

import bentoml
import numpy as np
from pydantic import BaseModel

from bench.serving.model import given


class Row(BaseModel):
    """One flight."""

    dep_delay: float | None
    arr_delay: float | None
    air_time: float | None
    distance: float | None
    sched_dep_time: float | None


@bentoml.service
class Predict:
    """The version."""

    def __init__(self) -> None:
        self.assigner, self.chain = given(os.environ["BENCH_NUMBERS"])

    @bentoml.api
    def predict(self, dataframe_records: list[Row]) -> dict[str, Any]:
        """Return the cluster of each flight."""
        values = [list(row.model_dump().values()) for row in dataframe_records]
        clusters, distances = self.assigner.assign(np.array(values, dtype=np.float64))
        labels = self.assigner.scoring.labels
        predictions = [
            {"cluster": cluster, "label": labels[cluster], "distance": distance}
            for cluster, distance in zip(clusters.tolist(), distances.tolist(), strict=True)
        ]
        return {"predictions": predictions, **self.chain}
