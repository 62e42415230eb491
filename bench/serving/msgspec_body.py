"""Baseline B: FastAPI, with msgspec for body and answer."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response

from bench.serving.model import given

app = FastAPI()
assigner, chain = given()


class Row(msgspec.Struct):
    """One flight."""

    dep_delay: float | None
    arr_delay: float | None
    air_time: float | None
    distance: float | None
    sched_dep_time: float | None


class Body(msgspec.Struct):
    """Some flights."""

    dataframe_records: list[Row]


class Prediction(msgspec.Struct):
    """The cluster of one flight."""

    cluster: int
    label: str
    distance: float


class Answer(msgspec.Struct):
    """The clusters of all flights."""

    predictions: list[Prediction]
    model: str
    version: int
    run_id: str
    batch: int


decoder = msgspec.json.Decoder(Body)
encoder = msgspec.json.Encoder()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Return the cluster of each flight."""
    body = decoder.decode(await request.body())
    values = [msgspec.structs.astuple(row) for row in body.dataframe_records]
    clusters, distances = assigner.assign(np.array(values, dtype=np.float64))
    labels = assigner.scoring.labels
    predictions = [
        Prediction(cluster, labels[cluster], distance)
        for cluster, distance in zip(clusters.tolist(), distances.tolist(), strict=True)
    ]
    return Response(encoder.encode(Answer(predictions, **chain)), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning")
